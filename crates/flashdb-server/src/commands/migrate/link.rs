//! The network part of MIGRATE: one connection to the target, all requests in one go, then their
//! replies. Blocking; run on a thread of its own, never on a core loop.

use flashdb_command::ErrorReply;
use flashdb_resp::{Protocol, Reply};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Longest reply line read from the target.
const LINE_BYTES_MAX: u64 = 1024;

/// Where and how to transfer.
pub struct Target {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Database there.
    pub db: i64,
    /// Longest wait for the connection and for each step of the transfer.
    pub timeout: Duration,
    /// Words of AUTH behind the name, if it is to be sent.
    pub auth: Option<Vec<Vec<u8>>>,
    /// Whether keys that exist there are replaced.
    pub replace: bool,
    /// Whether the target is a node of a cluster that imports the slot.
    pub asking: bool,
}

/// One key to be transferred.
pub struct Parcel {
    /// The key.
    pub key: Box<[u8]>,
    /// Its value as DUMP gives it.
    pub payload: Vec<u8>,
    /// Time left in ms; 0 when it has no expiry.
    pub ttl_ms: i64,
}

/// What became of a transfer.
pub struct Outcome {
    /// Per parcel whether the target has it.
    pub delivered: Vec<bool>,
    /// What to tell the client if not all went well.
    pub error: Option<ErrorReply>,
}

/// Sends all parcels.
pub fn transfer(target: &Target, parcels: &[Parcel]) -> Outcome {
    let mut outcome = Outcome {
        delivered: vec![false; parcels.len()],
        error: None,
    };
    let Ok(stream) = connect(target) else {
        let text = "IOERR error or timeout connecting to the client";
        outcome.error = Some(ErrorReply::fixed(text));
        return outcome;
    };
    if (&stream).write_all(&requests(target, parcels)).is_err() {
        let text = "IOERR error or timeout writing to target instance";
        outcome.error = Some(ErrorReply::fixed(text));
        return outcome;
    }
    if read_replies(target, stream, &mut outcome).is_err() && outcome.error.is_none() {
        let text = "IOERR error or timeout reading from target instance";
        outcome.error = Some(ErrorReply::fixed(text));
    }
    outcome
}

fn connect(target: &Target) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in (target.host.as_str(), target.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, target.timeout) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(target.timeout))?;
                stream.set_write_timeout(Some(target.timeout))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn requests(target: &Target, parcels: &[Parcel]) -> Vec<u8> {
    let mut out = Reply::new(Protocol::Resp2);
    if let Some(auth) = &target.auth {
        out.array(1 + auth.len());
        out.bulk(b"AUTH");
        auth.iter().for_each(|word| out.bulk(word));
    }
    out.array(2);
    out.bulk(b"SELECT");
    out.bulk_integer(target.db);
    for parcel in parcels {
        out.array(4 + usize::from(target.replace));
        out.bulk(if target.asking {
            b"RESTORE-ASKING"
        } else {
            b"RESTORE"
        });
        out.bulk(&parcel.key);
        out.bulk_integer(parcel.ttl_ms);
        out.bulk(&parcel.payload);
        if target.replace {
            out.bulk(b"REPLACE");
        }
    }
    out.into_bytes()
}

/// Reads a reply for every request. The first refusal is what the client hears of; after a refusal
/// of AUTH or SELECT nothing counts as delivered, as it may have gone elsewhere.
fn read_replies(target: &Target, stream: TcpStream, outcome: &mut Outcome) -> io::Result<()> {
    let mut input = BufReader::new(stream);
    let introductions = 1 + usize::from(target.auth.is_some());
    let mut welcome = true;
    for _ in 0..introductions {
        welcome &= accepted(&mut input, outcome)?;
    }
    for at in 0..outcome.delivered.len() {
        outcome.delivered[at] = accepted(&mut input, outcome)? && welcome;
    }
    Ok(())
}

fn accepted(input: &mut impl BufRead, outcome: &mut Outcome) -> io::Result<bool> {
    let mut line = Vec::new();
    input.take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    if !line.ends_with(b"\n") {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let Some(refusal) = line.strip_prefix(b"-") else {
        return Ok(true);
    };
    if outcome.error.is_none() {
        let text = [
            b"ERR Target instance replied with error: ",
            refusal.trim_ascii_end(),
        ]
        .concat();
        outcome.error = Some(ErrorReply::from_bytes(text));
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn target(port: u16) -> Target {
        Target {
            host: "127.0.0.1".into(),
            port,
            db: 9,
            timeout: Duration::from_secs(5),
            auth: Some(vec![b"secret".to_vec()]),
            replace: true,
            asking: false,
        }
    }

    /// Transfers two keys to a server that answers with `replies` whatever it is sent, and closes.
    fn against(replies: &'static [u8]) -> (Outcome, Vec<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let parcels = ["a", "b"].map(|key| Parcel {
            key: key.as_bytes().into(),
            payload: b"payload".to_vec(),
            ttl_ms: 7,
        });
        let expected = requests(&target(port), &parcels).len();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut received = vec![0; expected];
            stream.read_exact(&mut received).expect("all requests");
            stream.write_all(replies).expect("an open connection");
            received
        });
        let outcome = transfer(&target(port), &parcels);
        (outcome, server.join().expect("no panic"))
    }

    #[test]
    fn all_is_sent_and_each_reply_counts() {
        let (outcome, received) = against(b"+OK\r\n+OK\r\n+OK\r\n+OK\r\n");
        assert_eq!((outcome.delivered, outcome.error), (vec![true, true], None));
        let text = String::from_utf8_lossy(&received).replace("\r\n", " ");
        assert!(text.starts_with(
            "*2 $4 AUTH $6 secret *2 $6 SELECT $1 9 *5 $7 RESTORE $1 a $1 7 $7 payload $7 REPLACE"
        ));
    }

    #[test]
    fn refusals_and_broken_connections() {
        let (outcome, _) = against(b"+OK\r\n+OK\r\n-BUSYKEY no\r\n+OK\r\n");
        assert_eq!(outcome.delivered, [false, true]);
        let text = "ERR Target instance replied with error: BUSYKEY no";
        assert_eq!(outcome.error, Some(ErrorReply::new(text)));
        let (outcome, _) = against(b"-WRONGPASS\r\n+OK\r\n+OK\r\n+OK\r\n");
        assert_eq!(outcome.delivered, [false, false]);
        let (outcome, _) = against(b"+OK\r\n+OK\r\n+OK\r\n");
        assert_eq!(outcome.delivered, [true, false]);
        let text = "IOERR error or timeout reading from target instance";
        assert_eq!(outcome.error, Some(ErrorReply::fixed(text)));
    }
}
