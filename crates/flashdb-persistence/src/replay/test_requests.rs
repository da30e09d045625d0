//! Random requests of every command that changes data, made from templates:
//!
//! `$s $h $l $t $z $x $p $g` a key that mostly holds a string, hash, list, set, sorted set, stream, HyperLogLog, geographic
//! set; `$a` any of them; `%` and a letter a value (see `value`); `[..]` may be left out; `(a|b)` one of several.

use flashdb_base::args::OwnedArgs;
use flashdb_base::prng::Prng;
use std::collections::VecDeque;

/// Requests that change data, and some readers that find what has expired.
const TEMPLATES: &[&str] = &[
    "SET $s %v [(EX %u|PX %T|EXAT %S|PXAT %A|KEEPTTL)] [(NX|XX)] [GET]",
    "set $s %n",
    "SETNX $s %v",
    "SETEX $s %u %v",
    "PSETEX $s %T %v",
    "GETSET $s %v",
    "GETDEL $s",
    "GETEX $s [(EX %u|PX %T|PXAT %A|EXAT %S|PERSIST)]",
    "INCR $s",
    "DECR $s",
    "INCRBY $s %n",
    "DECRBY $s %n",
    "INCRBYFLOAT $s %f",
    "APPEND $s %v",
    "SETRANGE $s %u %v",
    "MSET $s %v $s %v $a %v",
    "MSETNX $s %v $s %v",
    "SETBIT $s %u %b",
    "BITOP (AND|OR|XOR) $s $s $s",
    "BITOP NOT $s $s",
    "BITFIELD $s SET u8 %u %u INCRBY i5 %u %n OVERFLOW FAIL INCRBY u2 %u 3",
    "HSET $h %m %v [%m %n]",
    "HSET $h %m %L",
    "HMSET $h %m %v",
    "HSETNX $h %m %v",
    "HINCRBY $h %m %n",
    "HINCRBYFLOAT $h %m %f",
    "HDEL $h %m [%m]",
    "HGETDEL $h FIELDS 2 %m %m",
    "HGETEX $h [(EX %u|PX %T|PXAT %A|EXAT %S|PERSIST)] FIELDS 2 %m %m",
    "HSETEX $h [(FNX|FXX)] [(EX %u|PX %T|PXAT %A|EXAT %S|KEEPTTL)] FIELDS 2 %m %v %m %v",
    "HEXPIRE $h %u [(NX|XX|GT|LT)] FIELDS 1 %m",
    "HPEXPIRE $h %T [(NX|XX|GT|LT)] FIELDS 2 %m %m",
    "HEXPIREAT $h %S [(NX|XX|GT|LT)] FIELDS 1 %m",
    "HPEXPIREAT $h %A [(NX|XX|GT|LT)] FIELDS 2 %m %m",
    "HPERSIST $h FIELDS 2 %m %m",
    "LPUSH $l %v [%v]",
    "RPUSH $l %v %v [%v]",
    "LPUSHX $l %v",
    "RPUSH $l %L %v %v",
    "RPUSHX $l %v",
    "LPOP $l [%N]",
    "RPOP $l [%N]",
    "LSET $l %n %v",
    "LINSERT $l (BEFORE|AFTER) %v %v",
    "LREM $l %n %v",
    "LTRIM $l %N -%u",
    "LMOVE $l $l (LEFT|RIGHT) (LEFT|RIGHT)",
    "RPOPLPUSH $l $l",
    "LMPOP 2 $l $l (LEFT|RIGHT) [COUNT %u]",
    "BLPOP $l $l %u",
    "BRPOP $l $l %u",
    "BLMOVE $l $l (LEFT|RIGHT) (LEFT|RIGHT) %u",
    "BRPOPLPUSH $l $l %u",
    "BLMPOP %u 2 $l $l (LEFT|RIGHT) [COUNT %u]",
    "SADD $t %m %n [%m]",
    "SADD $t %L [%m]",
    "SREM $t %m %n",
    "SMOVE $t $t %m",
    "SPOP $t [%N]",
    "SINTERSTORE $t $t $t",
    "SUNIONSTORE $t $t $t",
    "SDIFFSTORE $t $t $t",
    "ZADD $z [(NX|XX|GT|LT)] [CH] %n %m",
    "ZADD $z %f %m %n %m",
    "ZADD $z INCR %f %m",
    "ZADD $z %n %L",
    "ZINCRBY $z %f %m",
    "ZREM $z %m %m",
    "ZPOPMIN $z [%N]",
    "ZPOPMAX $z [%N]",
    "ZMPOP 2 $z $z (MIN|MAX) [COUNT %u]",
    "BZPOPMIN $z $z %u",
    "BZPOPMAX $z $z %u",
    "BZMPOP %u 2 $z $z (MIN|MAX) [COUNT %u]",
    "ZREMRANGEBYRANK $z %N %u",
    "ZREMRANGEBYSCORE $z (-inf %n|%n +inf)",
    "ZREMRANGEBYLEX $z - [m%u",
    "ZUNIONSTORE $z 2 $z $t [WEIGHTS 2 %n] [AGGREGATE (SUM|MIN|MAX)]",
    "ZINTERSTORE $z 2 $z $z",
    "ZDIFFSTORE $z 2 $z $z",
    "ZRANGESTORE $z $z 0 %u",
    "GEOADD $g %f %f %m [%n %n %m]",
    "GEOSEARCHSTORE $g $g FROMLONLAT 1 1 BYRADIUS %u00 km [ASC COUNT %u] [STOREDIST]",
    "GEORADIUS $g 1 1 %u00 km STORE $g",
    "GEORADIUSBYMEMBER $g %m %u00 km STOREDIST $z",
    "XADD $x * %m %v",
    "XADD $x [NOMKSTREAM] MAXLEN (=|~) %u * %m %v %m %v",
    "XADD $x MINID ~ %i * %m %v",
    "XADD $x %i-* %m %v",
    "XADD $x %i %m %v",
    "XDEL $x %e %e",
    "XTRIM $x (MAXLEN|MAXLEN ~|MAXLEN =) %u",
    "XTRIM $x MINID (~|=) %i",
    "XSETID $x %i",
    "XSETID $x %i ENTRIESADDED %u0 MAXDELETEDID 1-1",
    "XGROUP CREATE $x %G (0|$|%e) [MKSTREAM] [ENTRIESREAD %u]",
    "XGROUP SETID $x %G (0|$|%e) [ENTRIESREAD %u]",
    "XGROUP CREATECONSUMER $x %G %c",
    "XGROUP DELCONSUMER $x %G %c",
    "XGROUP DESTROY $x %G",
    "XREADGROUP GROUP %G %c [COUNT %u] STREAMS $x >",
    "XREADGROUP GROUP %G %c [COUNT %u] STREAMS $x >",
    "XREADGROUP GROUP %G %c COUNT %u NOACK STREAMS $x $x > >",
    "XREADGROUP GROUP %G %c BLOCK 5 STREAMS $x (0|>)",
    "XREADGROUP GROUP %G %c [COUNT %u] STREAMS $x %e",
    "XACK $x %G %e %e",
    "XCLAIM $x %G %c (0|%T) %e %e [(IDLE %T|TIME %A)] [RETRYCOUNT %u] [FORCE] [JUSTID] [LASTID %e]",
    "XAUTOCLAIM $x %G %c (0|%T) (0|%e) [COUNT %u] [JUSTID]",
    "PFADD $p %m %v",
    "PFADD $p",
    "PFCOUNT $p",
    "PFMERGE $p $p $p",
    "PFDEBUG TODENSE $p",
    "DEL $a $a",
    "UNLINK $a",
    "DEL $a",
    "EXPIRE $a %u [(NX|XX|GT|LT)]",
    "EXPIRE $a -1",
    "PEXPIRE $a %T [(NX|XX|GT|LT)]",
    "PEXPIRE $a %T",
    "EXPIREAT $a %S",
    "PEXPIREAT $a %A",
    "PERSIST $a",
    "RENAME $a $a",
    "RENAMENX $a $a",
    "MOVE $a %d",
    "COPY $a $a [DB %d] [REPLACE]",
    "RESTORE $a (0|%T) %D [REPLACE] [(IDLETIME %u|FREQ %u)]",
    "RESTORE $a %A %D ABSTTL [REPLACE]",
    "RESTORE-ASKING $a %T %D [REPLACE]",
    "SORT $l ALPHA STORE $l",
    "SORT $t ALPHA [BY s*] [GET h*->m1] [GET #] [LIMIT 0 %u] STORE $l",
    "SORT $l BY h*->m2 ALPHA GET h*->m1 GET s* GET # STORE $l",
    "SORT $z BY nosort DESC STORE $l",
    // Readers, which remove what they find expired.
    "GET $a",
    "HGETALL $h",
    "EXISTS $a $a",
    "TTL $a",
    "LRANGE $l 0 -1",
    "TYPE $a",
    "SCAN 0",
    "KEYS *",
    "RANDOMKEY",
    "SINTER $t $t",
    "ZUNION 2 $z $z",
    "HLEN $h",
    "HSCAN $h 0",
    "XRANGE $x - +",
    "TOUCH $a",
    "DBSIZE",
    "MGET $s $s $a",
];

/// Requests that change whole databases, seldom.
const SWEEPING: &[&str] = &["FLUSHDB", "FLUSHALL (SYNC|ASYNC)", "SWAPDB %d %d"];

/// Makes requests; from one seed always the same.
pub struct Requests {
    pub prng: Prng,
    /// Values as DUMP gave them, some time ago.
    pub payloads: Vec<Vec<u8>>,
    /// Ids of stream entries, the latest.
    pub ids: VecDeque<Vec<u8>>,
    /// Clock of the next request.
    pub now_ms: i64,
    /// Keys of each type.
    pub keys: u64,
    /// Most requests are about keys of this type, such as `$x`.
    pub focus: Option<&'static str>,
}

impl Requests {
    pub fn next(&mut self) -> OwnedArgs {
        let sweeping = self.prng.below(400) == 0;
        let templates = if sweeping { SWEEPING } else { TEMPLATES };
        let about = self.focus.filter(|_| !sweeping && self.prng.below(15) > 0);
        let template = loop {
            let drawn = templates[self.prng.below(templates.len() as u64) as usize];
            if about.is_none_or(|key| drawn.contains(key)) {
                break drawn;
            }
        };
        let mut request = OwnedArgs::default();
        for word in self.choose(template).split_ascii_whitespace() {
            match word {
                "%D" => request.push(&self.payload()),
                word => request.push(&self.fill(word)),
            }
        }
        request
    }

    /// Decides about what is optional.
    fn choose(&mut self, template: &str) -> String {
        let mut out = String::new();
        let mut rest = template;
        while let Some(at) = rest.find(['[', '(']) {
            // `[m` of ZREMRANGEBYLEX is no option.
            if rest[at..].starts_with("[m") {
                out.push_str(&rest[..at + 2]);
                rest = &rest[at + 2..];
                continue;
            }
            out.push_str(&rest[..at]);
            let close = if rest.as_bytes()[at] == b'[' { ']' } else { ')' };
            let end = at + rest[at..].find(close).expect("closed");
            // Within an option there may be alternatives: its end is then the last bracket before a blank.
            let end = match (close, rest[at..end].find('(')) {
                (']', Some(_)) => at + rest[at..].find(']').expect("closed"),
                _ => end,
            };
            let inner = rest[at + 1..end].to_owned();
            if close == ')' {
                let parts: Vec<&str> = inner.split('|').collect();
                let part = parts[self.prng.below(parts.len() as u64) as usize];
                out.push_str(part);
            } else if self.prng.below(2) == 0 {
                let chosen = self.choose(&inner);
                out.push_str(&chosen);
            }
            rest = &rest[end + 1..];
        }
        out + rest
    }

    fn fill(&mut self, word: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let mut chars = word.chars().peekable();
        while let Some(letter) = chars.next() {
            match (letter, chars.peek().copied()) {
                ('$', Some(kind)) if kind.is_ascii_lowercase() => {
                    chars.next();
                    out.extend(self.key(kind));
                }
                ('%', Some(kind)) => {
                    chars.next();
                    out.extend(self.value(kind));
                }
                _ => out.push(letter as u8),
            }
        }
        out
    }

    fn key(&mut self, kind: char) -> Vec<u8> {
        const KINDS: &[u8] = b"shltzxpg";
        let any = kind == 'a' || self.prng.below(25) == 0;
        let kind = if any {
            KINDS[self.prng.below(KINDS.len() as u64) as usize] as char
        } else {
            kind
        };
        format!("{kind}{}", self.prng.below(self.keys)).into_bytes()
    }

    fn value(&mut self, kind: char) -> Vec<u8> {
        let below = self.prng.below(1 << 20) as i64;
        match kind {
            'v' if below % 7 == 0 => vec![b'x'; (below % 600) as usize],
            'v' => format!("v{}", below % 6).into_bytes(),
            // So long that snapshots capture the collection in pieces.
            'L' => [&[b'0' + (below % 3) as u8], [b'l'; 66_000].as_slice()].concat(),
            'n' => (below % 12 - 4).to_string().into_bytes(),
            'u' => (1 + below % 6).to_string().into_bytes(),
            'N' => (below % 4).to_string().into_bytes(),
            'b' => (below % 2).to_string().into_bytes(),
            'f' => format!("{}.{}", below % 9, below % 97).into_bytes(),
            'm' => (if below % 3 == 0 {
                format!("{}", below % 5)
            } else {
                format!("m{}", below % 4)
            })
            .into_bytes(),
            'T' => (1 + below % 60).to_string().into_bytes(),
            'A' => (self.now_ms + below % 60 - 10).to_string().into_bytes(),
            'S' => (self.now_ms / 1000 + below % 3 - 1).to_string().into_bytes(),
            'i' => (self.now_ms - below % 40 + 3).to_string().into_bytes(),
            'e' => match self.ids.len() as u64 {
                0 => b"5-5".to_vec(),
                len => self.ids[self.prng.below(len) as usize].clone(),
            },
            'G' => format!("group{}", below % 2).into_bytes(),
            'c' => format!("c{}", below % 3).into_bytes(),
            'd' => (below % 3).to_string().into_bytes(),
            other => panic!("no placeholder %{other}"),
        }
    }

    fn payload(&mut self) -> Vec<u8> {
        match self.payloads.len() as u64 {
            0 => b"not a value".to_vec(),
            len => self.payloads[self.prng.below(len) as usize].clone(),
        }
    }

    /// Notes which id XADD chose.
    pub fn keep_id(&mut self, request: &OwnedArgs, reply: &[u8]) {
        if let (b"XADD", Some(id)) = (request.as_args().at(0), bulk(reply)) {
            self.ids.push_back(id.to_vec());
            if self.ids.len() > 6 {
                self.ids.pop_front();
            }
        }
    }

    /// Notes what DUMP answered.
    pub fn keep_payload(&mut self, reply: &[u8]) {
        let Some(payload) = bulk(reply).map(<[u8]>::to_vec) else {
            return;
        };
        if self.payloads.len() < 12 {
            self.payloads.push(payload);
        } else {
            let at = self.prng.below(12) as usize;
            self.payloads[at] = payload;
        }
    }
}

/// The string in a reply, if it is one.
fn bulk(reply: &[u8]) -> Option<&[u8]> {
    let start = reply.iter().position(|&byte| byte == b'\n')? + 1;
    (reply.starts_with(b"$") && !reply.starts_with(b"$-")).then(|| &reply[start..reply.len() - 2])
}
