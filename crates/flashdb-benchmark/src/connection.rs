//! One connection of the load: what is to be sent, what is outstanding since when, and the place in the reply stream.

use crate::scanner::{ReplyScanner, Scanned};
use crate::socket::Socket;
use std::collections::VecDeque;
use std::io::{self, Write};

/// Requests of one kind that count from the same moment.
#[derive(Clone, Copy, Debug)]
pub struct Outstanding {
    /// When they were sent or, in the open loop, due.
    pub since_ns: u64,
    /// Which command of the workload.
    pub command: u32,
    /// How many.
    pub count: u32,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Everything.
    All,
    /// The socket is full.
    Part,
}

/// See the head of the file.
#[derive(Debug)]
pub struct Connection {
    /// To the server.
    pub socket: Socket,
    /// Of its replies.
    pub scanner: ReplyScanner,
    /// Requests not yet written, from `written` on.
    pub out: Vec<u8>,
    written: usize,
    outstanding: VecDeque<Outstanding>,
    in_flight: usize,
    /// Replies still to come that are to the greeting.
    pub greeting_replies: u64,
    /// Not connected yet.
    pub is_connecting: bool,
    /// Whether the event loop was told to watch for room in the socket.
    pub waits_for_room: bool,
}

/// More replies came than requests were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyReplies;

impl Connection {
    /// A connection that is ready for requests.
    pub fn new(socket: Socket) -> Self {
        Self {
            socket,
            scanner: ReplyScanner::new(),
            out: Vec::new(),
            written: 0,
            outstanding: VecDeque::new(),
            in_flight: 0,
            greeting_replies: 0,
            is_connecting: false,
            waits_for_room: false,
        }
    }

    /// Takes a fresh socket that begins with a greeting; nothing may be outstanding.
    pub fn renew(&mut self, socket: Socket, greeting: &[u8], greeting_replies: u64) {
        debug_assert!(self.in_flight == 0 && self.out.is_empty());
        self.socket = socket;
        self.scanner = ReplyScanner::new();
        self.out.extend_from_slice(greeting);
        self.greeting_replies = greeting_replies;
        self.is_connecting = true;
        self.waits_for_room = true;
    }

    /// Requests without a reply.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Notes that a request of `command` is in `out` and counts from `since_ns`.
    #[inline]
    pub fn note(&mut self, command: u32, since_ns: u64) {
        self.in_flight += 1;
        if let Some(last) = self.outstanding.back_mut()
            && last.command == command
            && last.since_ns == since_ns
        {
            last.count += 1;
            return;
        }
        self.outstanding.push_back(Outstanding {
            since_ns,
            command,
            count: 1,
        });
    }

    /// Lets everything outstanding count from `since_ns`: the moment of the write, known after the encoding.
    #[inline]
    pub fn count_from(&mut self, since_ns: u64) {
        for outstanding in &mut self.outstanding {
            outstanding.since_ns = since_ns;
        }
    }

    /// Takes the requests, oldest first, that `scanned` answers and hands them to `each` in groups.
    ///
    /// # Errors
    /// [`TooManyReplies`] when that many were not outstanding.
    #[inline]
    pub fn settle(
        &mut self,
        scanned: Scanned,
        mut each: impl FnMut(Outstanding),
    ) -> Result<(), TooManyReplies> {
        let greeted = scanned.replies.min(self.greeting_replies);
        self.greeting_replies -= greeted;
        let mut left = scanned.replies - greeted;
        while left > 0 {
            let front = self.outstanding.front_mut().ok_or(TooManyReplies)?;
            let count = left.min(u64::from(front.count)) as u32;
            each(Outstanding { count, ..*front });
            left -= u64::from(count);
            self.in_flight -= count as usize;
            front.count -= count;
            if front.count == 0 {
                self.outstanding.pop_front();
            }
        }
        Ok(())
    }

    /// Writes what is to be written.
    ///
    /// # Errors
    /// Those of the socket, save that it is full.
    #[inline]
    pub fn flush(&mut self) -> io::Result<Sent> {
        while self.written < self.out.len() {
            match self.socket.write(&self.out[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Sent::Part),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(Sent::All)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> (Connection, mio::net::UnixStream) {
        let (ours, theirs) = mio::net::UnixStream::pair().expect("pair");
        (Connection::new(Socket::Unix(ours)), theirs)
    }

    fn replies(replies: u64) -> Scanned {
        Scanned { replies, errors: 0 }
    }

    #[test]
    fn settles_oldest_first_in_groups() {
        let (mut connection, _server) = connection();
        connection.greeting_replies = 1;
        for (command, since_ns) in [(0, 5), (0, 5), (1, 5), (1, 9), (1, 9)] {
            connection.note(command, since_ns);
        }
        let mut found = Vec::new();
        let mut take = |connection: &mut Connection, count| {
            let mut each = |group: Outstanding| found.push((group.command, group.since_ns, group.count));
            connection.settle(replies(count), &mut each)
        };
        assert_eq!(take(&mut connection, 2), Ok(()));
        assert_eq!(take(&mut connection, 3), Ok(()));
        assert_eq!(connection.in_flight(), 1);
        assert_eq!(take(&mut connection, 2), Err(TooManyReplies));
        assert_eq!(found, [(0, 5, 1), (0, 5, 1), (1, 5, 1), (1, 9, 1), (1, 9, 1)]);
    }

    #[test]
    fn goes_on_where_a_full_socket_stopped() {
        use std::io::Read;
        let (mut connection, mut server) = connection();
        let bytes: Vec<u8> = (0..3_000_000u32).map(|index| (index % 251) as u8).collect();
        connection.out.extend_from_slice(&bytes);
        let (mut received, mut chunk, mut was_full) = (Vec::new(), vec![0; 100_000], false);
        while received.len() < bytes.len() {
            was_full |= connection.flush().expect("writable") == Sent::Part;
            received.extend_from_slice(match server.read(&mut chunk) {
                Ok(count) => &chunk[..count],
                Err(_) => &[],
            });
        }
        assert!(was_full && received == bytes);
        assert_eq!(connection.flush().expect("nothing left"), Sent::All);
    }
}
