//! One append-only file, item by item.
//!
//! Groups are looked through to their EXEC before they are given out, so that nobody acts on half of one; that needs a file
//! that can go back, and no memory.

use std::io::{self, Read, Seek, SeekFrom};

use flashdb_base::args::OwnedArgs;

use super::command::{self, Fault, Kind};
use super::input::SeekInput;
use super::{AofFault, AofItem, Dropped, DroppedEnd};
use crate::file::FileReader;

/// An iterator over the items of one file; it ends after [`AofItem::Dropped`] or an error. The error's offset is
/// [`AofFileReader::offset`].
pub struct AofFileReader<R> {
    stage: Stage<R>,
    /// Where the item begins that is being read.
    offset: u64,
    /// Whether the file may end within a command or group.
    may_be_torn: bool,
    /// What one value or command may take.
    item_bytes_max: u64,
}

enum Stage<R> {
    Rdb(Box<FileReader<R>>),
    Commands(Commands<R>),
    Done,
}

struct Commands<R> {
    input: SeekInput<R>,
    in_group: bool,
    /// Whether it was said yet that they begin in database 0.
    begun: bool,
    /// What one of them may take.
    bytes_max: u64,
}

/// Where a walk ends that finds no command.
enum End {
    /// In order.
    File,
    Torn(DroppedEnd),
}

impl<R: Read + Seek> AofFileReader<R> {
    /// Reads the file's first bytes. The reader need not be buffered. Only the last file of a server `may_be_torn`.
    pub fn new(mut reader: R, may_be_torn: bool) -> Result<Self, AofFault> {
        let stage = if starts_as_rdb(&mut reader)? {
            match FileReader::new(reader) {
                Ok(reader) => Stage::Rdb(Box::new(reader)),
                Err(error) => return Err(AofFault::Rdb(error.error)),
            }
        } else {
            Stage::Commands(Commands::new(reader, 0)?)
        };
        Ok(Self {
            stage,
            offset: 0,
            may_be_torn,
            item_bytes_max: u64::MAX,
        })
    }

    /// Refuses values and commands that would take more memory than that.
    pub fn limit_values(&mut self, bytes: u64) {
        self.item_bytes_max = bytes;
        match &mut self.stage {
            Stage::Rdb(reader) => reader.limit_values(bytes),
            Stage::Commands(commands) => commands.bytes_max = bytes,
            Stage::Done => {}
        }
    }

    /// Where the item begins that is read next, or that could not be read.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    fn step(&mut self) -> Result<Option<AofItem>, AofFault> {
        loop {
            match &mut self.stage {
                Stage::Done => return Ok(None),
                Stage::Rdb(reader) => {
                    let item = reader.next();
                    self.offset = reader.offset();
                    match item {
                        Some(item) => {
                            return item
                                .map(|item| Some(AofItem::Rdb(item)))
                                .map_err(|e| AofFault::Rdb(e.error));
                        }
                        None => self.leave_rdb()?,
                    }
                }
                Stage::Commands(commands) => {
                    let outcome = commands.step(&mut self.offset);
                    match outcome? {
                        Ok(item) => return Ok(Some(item)),
                        Err(end) => return self.finish(end),
                    }
                }
            }
        }
    }

    fn leave_rdb(&mut self) -> Result<(), AofFault> {
        if let Stage::Rdb(reader) = std::mem::replace(&mut self.stage, Stage::Done) {
            let offset = reader.offset();
            let (_, reader) = reader.into_rest();
            let mut commands = Commands::new(reader, offset)?;
            commands.bytes_max = self.item_bytes_max;
            self.stage = Stage::Commands(commands);
        }
        Ok(())
    }

    fn finish(&mut self, end: End) -> Result<Option<AofItem>, AofFault> {
        let Stage::Commands(mut commands) = std::mem::replace(&mut self.stage, Stage::Done) else {
            return Ok(None);
        };
        let End::Torn(what) = end else { return Ok(None) };
        if !self.may_be_torn {
            return Err(AofFault::Format(
                "the file ends within a command or group, and another file follows",
            ));
        }
        Ok(Some(AofItem::Dropped(Dropped {
            offset: self.offset,
            bytes: commands.input.length()? - self.offset,
            what,
        })))
    }
}

impl<R: Read + Seek> Iterator for AofFileReader<R> {
    type Item = Result<AofItem, AofFault>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.step();
        if item.is_err() {
            self.stage = Stage::Done;
        }
        item.transpose()
    }
}

impl<R: Read + Seek> Commands<R> {
    fn new(reader: R, offset: u64) -> io::Result<Self> {
        Ok(Self {
            input: SeekInput::new(reader, offset)?,
            in_group: false,
            begun: false,
            bytes_max: u64::MAX,
        })
    }

    /// The next item; `offset` becomes where it begins.
    fn step(&mut self, offset: &mut u64) -> Result<Result<AofItem, End>, AofFault> {
        *offset = self.input.offset();
        match command::is_at_command(&mut self.input) {
            Ok(true) if !self.begun => {
                self.begun = true;
                return Ok(Ok(AofItem::SelectDb(0)));
            }
            Ok(true) => {}
            Ok(false) => return Ok(Err(End::File)),
            Err(fault) => return end_of(fault).map(Err),
        }
        *offset = self.input.offset();
        let args = match command::read(&mut self.input, self.bytes_max) {
            Ok(args) => args,
            Err(Fault::Format(what)) => {
                self.input.seek_to(*offset)?;
                return if self.only_zeros_follow()? {
                    Ok(Err(End::Torn(DroppedEnd::Zeros)))
                } else {
                    Err(AofFault::Format(what))
                };
            }
            Err(Fault::Torn) if self.in_group => {
                return Err(AofFault::Format("the file became shorter while it was read"));
            }
            Err(fault) => return end_of(fault).map(Err),
        };
        let words = args.as_args();
        match command::kind_of(words.get(0).unwrap_or_default(), words.len()) {
            Kind::GroupBegin => self.begin_group(offset),
            Kind::GroupEnd if self.in_group => {
                self.in_group = false;
                Ok(Ok(AofItem::GroupEnd))
            }
            Kind::GroupEnd => Err(AofFault::Format("EXEC without MULTI")),
            Kind::Other => command_item(args).map(Ok),
        }
    }

    /// Behind a MULTI: looks for its EXEC, then goes back.
    fn begin_group(&mut self, offset: &mut u64) -> Result<Result<AofItem, End>, AofFault> {
        let start = self.input.offset();
        let mut commands = 0;
        loop {
            let place = self.input.offset();
            let kind = match command::is_at_command(&mut self.input) {
                Ok(true) => command::skip(&mut self.input),
                Ok(false) => Err(Fault::Torn),
                Err(fault) => Err(fault),
            };
            match kind {
                Ok(Kind::Other) => commands += 1,
                Ok(Kind::GroupEnd) => break,
                Ok(Kind::GroupBegin) => {
                    *offset = place;
                    return Err(AofFault::Format("MULTI within MULTI"));
                }
                Err(Fault::Torn) => return Ok(Err(End::Torn(DroppedEnd::Group { commands }))),
                Err(Fault::Format(what)) => {
                    self.input.seek_to(place)?;
                    if self.only_zeros_follow()? {
                        return Ok(Err(End::Torn(DroppedEnd::Group { commands })));
                    }
                    *offset = place;
                    return Err(AofFault::Format(what));
                }
                Err(Fault::Io(error)) => return Err(AofFault::Io(error)),
            }
        }
        self.input.seek_to(start)?;
        self.in_group = true;
        Ok(Ok(AofItem::GroupBegin))
    }

    /// Whether there is nothing but zero bytes from here to the end, at least one of them.
    fn only_zeros_follow(&mut self) -> io::Result<bool> {
        let mut any = false;
        loop {
            let available = self.input.available()?;
            if available.is_empty() {
                return Ok(any);
            }
            if available.iter().any(|&byte| byte != 0) {
                return Ok(false);
            }
            any = true;
            let length = available.len();
            self.input.consume(length);
        }
    }
}

fn end_of(fault: Fault) -> Result<End, AofFault> {
    match fault {
        Fault::Torn => Ok(End::Torn(DroppedEnd::Command)),
        Fault::Format(what) => Err(AofFault::Format(what)),
        Fault::Io(error) => Err(AofFault::Io(error)),
    }
}

/// A command, or the database that a SELECT names.
fn command_item(args: OwnedArgs) -> Result<AofItem, AofFault> {
    let words = args.as_args();
    let is_select = words
        .get(0)
        .is_some_and(|name| name.eq_ignore_ascii_case(b"SELECT"));
    if !is_select {
        return Ok(AofItem::Command(args));
    }
    let db = match words.len() {
        2 => flashdb_base::number::parse_i64(words.at(1)).and_then(|db| u64::try_from(db).ok()),
        _ => None,
    };
    db.map(AofItem::SelectDb)
        .ok_or(AofFault::Format("SELECT of something that is not a database"))
}

/// Whether the file begins with an RDB file. The reader is at the start afterwards.
fn starts_as_rdb(reader: &mut (impl Read + Seek)) -> io::Result<bool> {
    let mut head = Vec::new();
    reader.seek(SeekFrom::Start(0))?;
    reader.by_ref().take(6).read_to_end(&mut head)?;
    reader.seek(SeekFrom::Start(0))?;
    Ok(head.starts_with(b"REDIS") || head.starts_with(b"VALKEY"))
}
