//! The settings with a shape of their own: save points, addresses, buffer limits and the like,
//! each as a typed value with its codec.

use std::path::PathBuf;

use flashdb_base::NotifyFlags;
use flashdb_base::number::{parse_i64, parse_memory_bytes};

use crate::choices::ShutdownOptions;
use crate::codec::{Codec, Invalid, Occurrence, format_memory, quoted, single, text};

/// A snapshot is due after `seconds` when at least `changes` writes happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SavePoint {
    /// At least 1.
    pub seconds: u64,
    /// Writes since the last snapshot.
    pub changes: u64,
}

pub(crate) struct SavePoints;

impl Codec for SavePoints {
    type Value = Vec<SavePoint>;

    fn default(&self) -> Vec<SavePoint> {
        [(3600, 1), (300, 100), (60, 10_000)]
            .map(|(seconds, changes)| SavePoint { seconds, changes })
            .to_vec()
    }

    fn parse(
        &self,
        words: &[&[u8]],
        current: &Vec<SavePoint>,
        occurrence: Occurrence,
    ) -> Result<Vec<SavePoint>, Invalid> {
        if words == [b""] {
            return Ok(Vec::new());
        }
        let mut points = if occurrence == Occurrence::First {
            Vec::new()
        } else {
            current.clone()
        };
        let (pairs, rest) = words.as_chunks::<2>();
        if !rest.is_empty() {
            return Err("Invalid save parameters".into());
        }
        for [seconds, changes] in pairs {
            let seconds = parse_i64(seconds)
                .and_then(|value| u64::try_from(value).ok())
                .filter(|&value| value > 0);
            let changes = parse_i64(changes).and_then(|value| u64::try_from(value).ok());
            let (Some(seconds), Some(changes)) = (seconds, changes) else {
                return Err("Invalid save parameters".into());
            };
            points.push(SavePoint { seconds, changes });
        }
        Ok(points)
    }

    fn format(&self, value: &Vec<SavePoint>) -> Vec<u8> {
        join(
            value
                .iter()
                .map(|point| format!("{} {}", point.seconds, point.changes)),
        )
    }

    fn lines(&self, value: &Vec<SavePoint>) -> Vec<Vec<u8>> {
        if value.is_empty() {
            return vec![quoted(b"")];
        }
        value
            .iter()
            .map(|point| format!("{} {}", point.seconds, point.changes).into_bytes())
            .collect()
    }

    fn domain(&self) -> String {
        "pairs of seconds and changes, or \"\"".into()
    }
}

/// One address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindAddress {
    /// An address, a host name, `*` for every IPv4 address or `::*` for every IPv6 address.
    pub host: String,
    /// Written with a leading `-`: skipped when the machine does not have it.
    pub optional: bool,
}

impl BindAddress {
    /// The host as the resolver wants it.
    pub fn resolvable(&self) -> &str {
        match self.host.as_str() {
            "*" => "0.0.0.0",
            "::*" => "::",
            host => host,
        }
    }
}

impl std::fmt::Display for BindAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", if self.optional { "-" } else { "" }, self.host)
    }
}

pub(crate) struct BindAddresses;

/// As many as Redis takes.
const BIND_ADDRESSES_MAX: usize = 16;

impl Codec for BindAddresses {
    type Value = Vec<BindAddress>;

    fn default(&self) -> Vec<BindAddress> {
        vec![
            BindAddress {
                host: "*".into(),
                optional: false,
            },
            BindAddress {
                host: "::*".into(),
                optional: true,
            },
        ]
    }

    fn parse(
        &self,
        words: &[&[u8]],
        _: &Vec<BindAddress>,
        _: Occurrence,
    ) -> Result<Vec<BindAddress>, Invalid> {
        if words.len() > BIND_ADDRESSES_MAX {
            return Err("Too many bind addresses specified.".into());
        }
        words
            .iter()
            .filter(|word| !word.is_empty())
            .map(|word| bind_address(word))
            .collect()
    }

    fn format(&self, value: &Vec<BindAddress>) -> Vec<u8> {
        join(value.iter().map(BindAddress::to_string))
    }

    fn lines(&self, value: &Vec<BindAddress>) -> Vec<Vec<u8>> {
        if value.is_empty() {
            vec![quoted(b"")]
        } else {
            vec![self.format(value)]
        }
    }

    fn domain(&self) -> String {
        "addresses, each with an optional leading '-'; * and ::* for all".into()
    }
}

/// As [`BindAddresses`], by default those of this machine alone.
pub(crate) struct LoopbackAddresses;

impl Codec for LoopbackAddresses {
    type Value = Vec<BindAddress>;

    fn default(&self) -> Vec<BindAddress> {
        let address = |host: &str, optional| BindAddress {
            host: host.into(),
            optional,
        };
        vec![address("127.0.0.1", false), address("::1", true)]
    }

    fn parse(
        &self,
        words: &[&[u8]],
        present: &Vec<BindAddress>,
        occurrence: Occurrence,
    ) -> Result<Vec<BindAddress>, Invalid> {
        BindAddresses.parse(words, present, occurrence)
    }

    fn format(&self, value: &Vec<BindAddress>) -> Vec<u8> {
        BindAddresses.format(value)
    }

    fn lines(&self, value: &Vec<BindAddress>) -> Vec<Vec<u8>> {
        BindAddresses.lines(value)
    }

    fn domain(&self) -> String {
        BindAddresses.domain()
    }
}

fn bind_address(word: &[u8]) -> Result<BindAddress, Invalid> {
    let word = text(word)?;
    let host = word.strip_prefix('-').unwrap_or(word);
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '\\');
    if host.is_empty() || !host.chars().all(plain) {
        return Err("argument must be a list of addresses".into());
    }
    Ok(BindAddress {
        host: host.to_owned(),
        optional: host.len() < word.len(),
    })
}

/// When a client that reads too slowly is disconnected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputBufferLimit {
    /// At once above this; 0 means no limit.
    pub hard_bytes: u64,
    /// After `soft_seconds` above this; 0 means no limit.
    pub soft_bytes: u64,
    /// How long `soft_bytes` may be exceeded.
    pub soft_seconds: u32,
}

/// Output buffer limits by class of client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputBufferLimits {
    /// Clients without a subscription.
    pub normal: OutputBufferLimit,
    /// Replicas.
    pub replica: OutputBufferLimit,
    /// Subscribers.
    pub pubsub: OutputBufferLimit,
}

pub(crate) struct BufferLimits;

impl Codec for BufferLimits {
    type Value = OutputBufferLimits;

    fn default(&self) -> OutputBufferLimits {
        let limit = |hard_mb: u64, soft_mb: u64, soft_seconds| OutputBufferLimit {
            hard_bytes: hard_mb << 20,
            soft_bytes: soft_mb << 20,
            soft_seconds,
        };
        OutputBufferLimits {
            normal: limit(0, 0, 0),
            replica: limit(256, 64, 60),
            pubsub: limit(32, 8, 60),
        }
    }

    fn parse(
        &self,
        words: &[&[u8]],
        current: &OutputBufferLimits,
        _: Occurrence,
    ) -> Result<OutputBufferLimits, Invalid> {
        let (groups, rest) = words.as_chunks::<4>();
        if !rest.is_empty() {
            return Err("Wrong number of arguments in buffer limit configuration.".into());
        }
        let mut limits = *current;
        for [class, hard, soft, seconds] in groups {
            let slot = match class.to_ascii_lowercase().as_slice() {
                b"normal" => &mut limits.normal,
                b"slave" | b"replica" => &mut limits.replica,
                b"pubsub" => &mut limits.pubsub,
                _ => return Err("Invalid client class specified in buffer limit configuration.".into()),
            };
            let seconds = parse_i64(seconds).and_then(|value| u32::try_from(value).ok());
            let (Some(hard_bytes), Some(soft_bytes), Some(soft_seconds)) =
                (parse_memory_bytes(hard), parse_memory_bytes(soft), seconds)
            else {
                return Err(
                    "Error in hard, soft or soft_seconds setting in buffer limit configuration.".into(),
                );
            };
            *slot = OutputBufferLimit {
                hard_bytes,
                soft_bytes,
                soft_seconds,
            };
        }
        Ok(limits)
    }

    fn format(&self, value: &OutputBufferLimits) -> Vec<u8> {
        join(
            [
                ("normal", value.normal),
                ("slave", value.replica),
                ("pubsub", value.pubsub),
            ]
            .map(|(class, limit)| {
                format!(
                    "{class} {} {} {}",
                    limit.hard_bytes, limit.soft_bytes, limit.soft_seconds
                )
            }),
        )
    }

    fn lines(&self, value: &OutputBufferLimits) -> Vec<Vec<u8>> {
        [
            ("normal", value.normal),
            ("replica", value.replica),
            ("pubsub", value.pubsub),
        ]
        .map(|(class, limit)| {
            let (hard, soft) = (format_memory(limit.hard_bytes), format_memory(limit.soft_bytes));
            format!("{class} {hard} {soft} {}", limit.soft_seconds).into_bytes()
        })
        .to_vec()
    }

    fn domain(&self) -> String {
        "groups of class (normal, replica, pubsub), hard limit, soft limit, soft seconds".into()
    }
}

/// `notify-keyspace-events`.
pub(crate) struct EventLetters;

impl Codec for EventLetters {
    type Value = NotifyFlags;

    fn default(&self) -> NotifyFlags {
        NotifyFlags::NONE
    }

    fn parse(&self, words: &[&[u8]], _: &NotifyFlags, _: Occurrence) -> Result<NotifyFlags, Invalid> {
        NotifyFlags::parse(single(words)?)
            .ok_or("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".into())
    }

    fn format(&self, value: &NotifyFlags) -> Vec<u8> {
        value.to_string().into_bytes()
    }

    fn lines(&self, value: &NotifyFlags) -> Vec<Vec<u8>> {
        vec![quoted(&self.format(value))]
    }

    fn domain(&self) -> String {
        "letters of K E g $ l s h z x e t d m n, A for all".into()
    }
}

/// `oom-score-adj-values`: master, replica, background child.
pub(crate) struct OomScores;

impl Codec for OomScores {
    type Value = [i32; 3];

    fn default(&self) -> [i32; 3] {
        [0, 200, 800]
    }

    fn parse(&self, words: &[&[u8]], current: &[i32; 3], _: Occurrence) -> Result<[i32; 3], Invalid> {
        if words.len() != current.len() {
            return Err("wrong number of arguments".into());
        }
        let mut scores = *current;
        for (score, word) in scores.iter_mut().zip(words) {
            *score = parse_i64(word)
                .filter(|value| (-2000..=2000).contains(value))
                .and_then(|value| i32::try_from(value).ok())
                .ok_or("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")?;
        }
        Ok(scores)
    }

    fn format(&self, value: &[i32; 3]) -> Vec<u8> {
        join(value.iter().map(i32::to_string))
    }

    fn domain(&self) -> String {
        "three integers between -2000 and 2000".into()
    }
}

/// `latency-tracking-info-percentiles`.
pub(crate) struct Percentiles;

impl Codec for Percentiles {
    type Value = Vec<f64>;

    fn default(&self) -> Vec<f64> {
        vec![50.0, 99.0, 99.9]
    }

    fn parse(&self, words: &[&[u8]], _: &Vec<f64>, _: Occurrence) -> Result<Vec<f64>, Invalid> {
        if words == [b""] {
            return Ok(Vec::new());
        }
        words.iter().map(|word| percentile(word)).collect()
    }

    fn format(&self, value: &Vec<f64>) -> Vec<u8> {
        join(value.iter().map(|percentile| {
            let digits = format!("{percentile:.6}");
            digits.trim_end_matches('0').trim_end_matches('.').to_owned()
        }))
    }

    fn lines(&self, value: &Vec<f64>) -> Vec<Vec<u8>> {
        if value.is_empty() {
            vec![quoted(b"")]
        } else {
            vec![self.format(value)]
        }
    }

    fn domain(&self) -> String {
        "numbers between 0 and 100, or \"\"".into()
    }
}

fn percentile(word: &[u8]) -> Result<f64, Invalid> {
    let value = std::str::from_utf8(word)
        .ok()
        .and_then(|digits| digits.parse::<f64>().ok());
    match value {
        Some(value) if (0.0..=100.0).contains(&value) => Ok(value),
        Some(value) if !value.is_nan() => {
            Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".into())
        }
        _ => Err("Invalid latency-tracking-info-percentiles parameters".into()),
    }
}

/// `shutdown-on-sigint`, `shutdown-on-sigterm`.
pub(crate) struct SignalShutdown;

impl Codec for SignalShutdown {
    type Value = ShutdownOptions;

    fn default(&self) -> ShutdownOptions {
        ShutdownOptions::default()
    }

    fn parse(&self, words: &[&[u8]], _: &ShutdownOptions, _: Occurrence) -> Result<ShutdownOptions, Invalid> {
        let mut options = ShutdownOptions::default();
        let no_words: [&[u8]; 1] = [b""];
        for word in if words.is_empty() { &no_words } else { words } {
            options.add(word)?;
        }
        if options.save && options.nosave {
            return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".into());
        }
        Ok(options)
    }

    fn format(&self, value: &ShutdownOptions) -> Vec<u8> {
        let names = value.names();
        if names.is_empty() {
            b"default".to_vec()
        } else {
            names.join(" ").into_bytes()
        }
    }

    fn domain(&self) -> String {
        "default, or words of save, nosave, now, force".into()
    }
}

/// The master of a replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaOf {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// `replicaof`. A server that was told to be a replica and is none would take writes that
/// belong elsewhere, so a master is refused as long as there is no replication.
pub(crate) struct Master;

impl Codec for Master {
    type Value = Option<ReplicaOf>;

    fn default(&self) -> Option<ReplicaOf> {
        None
    }

    fn parse(
        &self,
        words: &[&[u8]],
        _: &Option<ReplicaOf>,
        _: Occurrence,
    ) -> Result<Option<ReplicaOf>, Invalid> {
        match words {
            [b""] => Ok(None),
            [no, one] if no.eq_ignore_ascii_case(b"no") && one.eq_ignore_ascii_case(b"one") => Ok(None),
            [_, port]
                if parse_i64(port)
                    .and_then(|value| u16::try_from(value).ok())
                    .is_none() =>
            {
                Err("Invalid master port".into())
            }
            [_, _] => {
                Err("replication is not available in this version: the server cannot be a replica".into())
            }
            _ => Err("wrong number of arguments".into()),
        }
    }

    fn format(&self, value: &Option<ReplicaOf>) -> Vec<u8> {
        match value {
            Some(master) => format!("{} {}", master.host, master.port).into_bytes(),
            None => Vec::new(),
        }
    }

    fn lines(&self, value: &Option<ReplicaOf>) -> Vec<Vec<u8>> {
        if value.is_none() {
            Vec::new()
        } else {
            vec![self.format(value)]
        }
    }

    fn domain(&self) -> String {
        "host and port, or \"no one\"".into()
    }
}

/// CPU numbers, as `server-cpulist` names them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CpuList {
    /// As written: `0,2,4-7` or with a stride `0-6:2`; empty for no pinning.
    pub text: String,
    /// Ascending, without repeats.
    pub cpus: Vec<u16>,
}

/// More CPUs than the kernel's affinity masks usually hold.
const CPU_NUMBER_MAX: u16 = 1023;

pub(crate) struct Cpus;

impl Codec for Cpus {
    type Value = CpuList;

    fn default(&self) -> CpuList {
        CpuList::default()
    }

    fn parse(&self, words: &[&[u8]], _: &CpuList, _: Occurrence) -> Result<CpuList, Invalid> {
        let list = text(single(words)?)?;
        let mut cpus = Vec::new();
        for part in list.split(',').filter(|_| !list.is_empty()) {
            let (first, last, stride) = cpu_range(part)
                .ok_or("argument must be a list of CPU numbers up to 1023, like 0,2,4-7 or 0-6:2")?;
            cpus.extend((first..=last).step_by(stride));
        }
        cpus.sort_unstable();
        cpus.dedup();
        Ok(CpuList {
            text: list.to_owned(),
            cpus,
        })
    }

    fn format(&self, value: &CpuList) -> Vec<u8> {
        value.text.clone().into_bytes()
    }

    fn lines(&self, value: &CpuList) -> Vec<Vec<u8>> {
        vec![quoted(value.text.as_bytes())]
    }

    fn domain(&self) -> String {
        "CPU numbers like 0,2,4-7 or 0-6:2, or \"\"".into()
    }
}

/// `N`, `N-M` or `N-M:S`.
fn cpu_range(part: &str) -> Option<(u16, u16, usize)> {
    let number = |digits: &str| parse_i64(digits.as_bytes()).and_then(|value| u16::try_from(value).ok());
    let (range, stride) = part.split_once(':').unwrap_or((part, "1"));
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let (first, last, stride) = (number(first)?, number(last)?, number(stride)?);
    (first <= last && last <= CPU_NUMBER_MAX && stride > 0).then_some((first, last, usize::from(stride)))
}

/// `dir`. The path as written; the loader and CONFIG SET make it absolute.
pub(crate) struct Folder(pub &'static str);

impl Codec for Folder {
    type Value = PathBuf;

    fn default(&self) -> PathBuf {
        PathBuf::from(self.0)
    }

    fn parse(&self, words: &[&[u8]], _: &PathBuf, _: Occurrence) -> Result<PathBuf, Invalid> {
        match text(single(words)?)? {
            "" => Err("No such file or directory".into()),
            path => Ok(PathBuf::from(path)),
        }
    }

    fn format(&self, value: &PathBuf) -> Vec<u8> {
        value.as_os_str().as_encoded_bytes().to_vec()
    }

    fn lines(&self, value: &PathBuf) -> Vec<Vec<u8>> {
        vec![quoted(&self.format(value))]
    }

    fn domain(&self) -> String {
        "path".into()
    }
}

fn join(parts: impl IntoIterator<Item = String>) -> Vec<u8> {
    parts.into_iter().collect::<Vec<_>>().join(" ").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<C: Codec>(codec: &C, line: &str) -> Result<C::Value, String> {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        codec
            .parse(&words, &codec.default(), Occurrence::First)
            .map_err(Invalid::into_owned)
    }

    fn shown<C: Codec>(codec: &C, line: &str) -> String {
        let value = parse(codec, line).expect("accepted");
        String::from_utf8(codec.format(&value)).expect("text")
    }

    #[test]
    fn save_points() {
        assert_eq!(shown(&SavePoints, "900 1 60 10000"), "900 1 60 10000");
        assert_eq!(shown(&SavePoints, ""), "");
        for bad in ["900", "0 1", "1 -1", "a 1", "1 1 1"] {
            assert_eq!(
                parse(&SavePoints, bad),
                Err("Invalid save parameters".into()),
                "{bad}"
            );
        }
        let first = parse(&SavePoints, "1 2").expect("accepted");
        let both = SavePoints
            .parse(&[b"3", b"4"], &first, Occurrence::Further)
            .expect("accepted");
        assert_eq!(SavePoints.format(&both), b"1 2 3 4");
    }

    #[test]
    fn bind_addresses() {
        let addresses = parse(&BindAddresses, "127.0.0.1 -::1").expect("accepted");
        assert_eq!(
            addresses[0],
            BindAddress {
                host: "127.0.0.1".into(),
                optional: false
            }
        );
        assert_eq!(
            addresses[1],
            BindAddress {
                host: "::1".into(),
                optional: true
            }
        );
        assert_eq!(shown(&BindAddresses, "* -::*"), "* -::*");
        assert_eq!(shown(&BindAddresses, ""), "");
        assert_eq!(BindAddresses.default()[1].resolvable(), "::");
        let many = ["1.2.3.4"; 17].join(" ");
        assert_eq!(
            parse(&BindAddresses, &many),
            Err("Too many bind addresses specified.".into())
        );
        assert!(parse(&BindAddresses, "-").is_err());
    }

    #[test]
    fn output_buffer_limits() {
        let shown_limits = shown(&BufferLimits, "replica 1mb 1k 5");
        assert_eq!(
            shown_limits,
            "normal 0 0 0 slave 1048576 1000 5 pubsub 33554432 8388608 60"
        );
        for (bad, reason) in [
            (
                "normal 0 0",
                "Wrong number of arguments in buffer limit configuration.",
            ),
            (
                "master 0 0 0",
                "Invalid client class specified in buffer limit configuration.",
            ),
            (
                "normal x 0 0",
                "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
            ),
            (
                "normal 0 0 -1",
                "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
            ),
        ] {
            assert_eq!(parse(&BufferLimits, bad), Err(reason.to_string()), "{bad}");
        }
    }

    #[test]
    fn shutdown_options() {
        assert_eq!(shown(&SignalShutdown, "force nosave"), "nosave force");
        assert_eq!(shown(&SignalShutdown, "default"), "default");
        let list = "argument(s) must be one of the following: default, save, nosave, now, force";
        assert_eq!(parse(&SignalShutdown, "bla"), Err(list.into()));
        assert_eq!(
            SignalShutdown.parse(&[], &ShutdownOptions::default(), Occurrence::First),
            Err(list.into())
        );
        let both = "shutdown options SAVE and NOSAVE can't be used simultaneously";
        assert_eq!(parse(&SignalShutdown, "save nosave"), Err(both.into()));
    }

    #[test]
    fn percentiles_and_scores() {
        assert_eq!(shown(&Percentiles, "50 99.90 100"), "50 99.9 100");
        assert_eq!(shown(&Percentiles, ""), "");
        assert!(parse(&Percentiles, "101").is_err_and(|reason| reason.contains("between [0.0,100.0]")));
        assert!(parse(&Percentiles, "nan").is_err());
        assert_eq!(shown(&OomScores, "1 1 -2000"), "1 1 -2000");
        assert!(parse(&OomScores, "1 1 2001").is_err_and(|reason| reason.contains("between -2000 and 2000")));
        assert_eq!(parse(&OomScores, "1 1"), Err("wrong number of arguments".into()));
    }

    #[test]
    fn cpu_lists() {
        for (list, cpus) in [
            ("", &[][..]),
            ("3,0,3", &[0, 3]),
            ("1-3", &[1, 2, 3]),
            ("0-6:3,7", &[0, 3, 6, 7]),
        ] {
            assert_eq!(parse(&Cpus, list).expect("accepted").cpus, cpus, "{list}");
        }
        for bad in ["a", "3-1", "0-5000", "1-2:0", "1,,2", "-1"] {
            assert!(parse(&Cpus, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_master_is_refused_with_a_reason() {
        assert_eq!(parse(&Master, "no one"), Ok(None));
        assert_eq!(parse(&Master, "127.0.0.1 abc"), Err("Invalid master port".into()));
        assert_eq!(
            parse(&Master, "onlyhost"),
            Err("wrong number of arguments".into())
        );
        assert!(parse(&Master, "host 6379").is_err_and(|reason| reason.contains("not available")));
    }
}
