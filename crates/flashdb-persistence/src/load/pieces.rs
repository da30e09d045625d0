//! Values that a snapshot has in pieces, put together again. Pieces and heads come in any order, from any thread; members are
//! added to the collection in the making, so loading takes no more memory than the value, whatever a file announces. What
//! does not fit together is refused: members without a head, too many, too few, or one twice, a key that is there twice. Of a
//! list the stretches that came are kept until all are there; while they are put together, one of them is there twice.

use flashdb_base::hash::hash_bytes;
use flashdb_command::limits;
use flashdb_config::Settings;
use flashdb_snapshot::{Collection, EntryRef, Member, Portion, WorkItem};
use flashdb_store::Value;
use flashdb_types::hash::{FieldTtl, Hash, SetOutcome};
use flashdb_types::list::{self, List};
use flashdb_types::set::Set;
use flashdb_types::zset::ZSetBuilder;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const KEY_SHOWN_BYTES: usize = 128;

/// Database and key.
type Place = (u16, Box<[u8]>);

/// The values in pieces of a chain, those that are complete included.
pub(super) struct Pieces {
    values: Mutex<HashMap<Place, Arc<Mutex<Partial>>>>,
    /// A bit for some of the hash of each key, so that entries of others are seldom looked for.
    seen: [AtomicU64; 64],
}

/// A value of which all is there.
pub(super) struct Complete {
    pub(super) value: Value,
    pub(super) expire_at_ms: Option<i64>,
    pub(super) access: u32,
}

struct Partial {
    collection: Collection,
    head: Option<Head>,
    members: u64,
    making: Making,
    /// Where some of it is.
    item: WorkItem,
}

struct Head {
    total: u64,
    expire_at_ms: Option<i64>,
    access: u32,
}

enum Making {
    Set(Set),
    Hash(Hash),
    ZSet(ZSetBuilder),
    List(Stretches),
    /// It is complete, and was given away.
    Done,
}

impl Default for Pieces {
    fn default() -> Self {
        Pieces {
            values: Mutex::default(),
            seen: [const { AtomicU64::new(0) }; 64],
        }
    }
}

impl Pieces {
    /// Whether some of this key's value came in pieces. Next to nothing where few values do.
    pub(super) fn contains(&self, db: u16, key: &[u8]) -> bool {
        let (word, bit) = self.place(key);
        word.load(Ordering::Acquire) & bit != 0 && self.values.lock().contains_key(&(db, key.into()))
    }

    fn place(&self, key: &[u8]) -> (&AtomicU64, u64) {
        let hash = hash_bytes(key);
        (
            &self.seen[(hash >> 6) as usize % self.seen.len()],
            1 << (hash % 64),
        )
    }

    /// Adds a head or piece from block `item`; the value if that makes it complete.
    pub(super) fn add(
        &self,
        entry: &EntryRef<'_>,
        settings: &Settings,
        item: WorkItem,
    ) -> Result<Option<Complete>, String> {
        let collection = Collection::of_code(entry.value_type).ok_or("a piece of what has no members")?;
        let partial = {
            let mut values = self.values.lock();
            let fresh = || Arc::new(Mutex::new(Partial::new(collection, item)));
            let known = values.entry((entry.db, entry.key.into())).or_insert_with(fresh);
            let (word, bit) = self.place(entry.key);
            word.fetch_or(bit, Ordering::Release);
            known.clone()
        };
        let mut partial = partial.lock();
        if partial.collection != collection {
            return Err("the pieces of a value are of different types".to_owned());
        }
        match entry.portion {
            Portion::Head => partial.add_head(entry)?,
            Portion::Piece => partial.add_members(entry, settings)?,
            Portion::Whole => return Err("a value both whole and in pieces".to_owned()),
        }
        partial.complete(settings)
    }

    /// Says where there is a value that is not complete, and what is missing; called when all was read.
    pub(super) fn finish(&self) -> Result<(), (WorkItem, String)> {
        for ((_, key), partial) in &*self.values.lock() {
            let partial = partial.lock();
            let missing = match &partial.head {
                None => "no head".to_owned(),
                Some(head) if partial.members < head.total => {
                    format!("{} of {} members", partial.members, head.total)
                }
                Some(_) => continue,
            };
            let reason = format!("the value of key {} has {missing}", quoted(key));
            return Err((partial.item, reason));
        }
        Ok(())
    }
}

/// A key for an error's text, of which a long one has only the beginning.
pub(super) fn quoted(key: &[u8]) -> String {
    let shown = &key[..key.len().min(KEY_SHOWN_BYTES)];
    let more = if shown.len() < key.len() { "..." } else { "" };
    format!("\"{}{more}\"", shown.escape_ascii())
}

impl Partial {
    fn new(collection: Collection, item: WorkItem) -> Partial {
        let making = match collection {
            Collection::Set => Making::Set(Set::new()),
            Collection::Hash => Making::Hash(Hash::new()),
            Collection::ZSet => Making::ZSet(ZSetBuilder::new()),
            Collection::List => Making::List(Stretches::default()),
        };
        Partial {
            collection,
            head: None,
            members: 0,
            making,
            item,
        }
    }

    fn add_head(&mut self, entry: &EntryRef<'_>) -> Result<(), String> {
        if self.head.is_some() {
            return Err("a value has two heads".to_owned());
        }
        let total = entry.members_total().ok_or("a value has an impossible head")?;
        self.head = Some(Head {
            total,
            expire_at_ms: entry.expire_at_ms,
            access: entry.access,
        });
        Ok(())
    }

    fn add_members(&mut self, entry: &EntryRef<'_>, settings: &Settings) -> Result<(), String> {
        let mut is_some = false;
        for member in entry.members() {
            let member = member.ok_or("a piece has an impossible member")?;
            if !self.making.add(&member, settings) {
                return Err("a value has a member twice, or one too many".to_owned());
            }
            self.members += 1;
            is_some = true;
        }
        if !is_some {
            return Err("a piece has no members".to_owned());
        }
        Ok(())
    }

    fn complete(&mut self, settings: &Settings) -> Result<Option<Complete>, String> {
        let Some(head) = &self.head else { return Ok(None) };
        if self.members > head.total {
            return Err("a value has more members than its head says".to_owned());
        }
        if self.members < head.total {
            return Ok(None);
        }
        let value = match std::mem::replace(&mut self.making, Making::Done) {
            Making::Set(set) => Value::Set(set),
            Making::Hash(hash) => Value::Hash(hash),
            Making::ZSet(builder) => Value::ZSet(builder.finish(&limits::zset(settings))),
            Making::List(stretches) => {
                let list = stretches.join(&limits::list(settings));
                Value::List(list.ok_or("a list has an element twice, or a gap")?)
            }
            Making::Done => return Err("a value goes on behind its last member".to_owned()),
        };
        Ok(Some(Complete {
            value,
            expire_at_ms: head.expire_at_ms,
            access: head.access,
        }))
    }
}

impl Making {
    /// False when the member is there already, or the value is complete.
    fn add(&mut self, member: &Member<'_>, settings: &Settings) -> bool {
        match (self, *member) {
            (Making::Set(set), Member::Set(member)) => set.insert(member, &limits::set(settings)),
            (Making::ZSet(builder), Member::ZSet(member, score)) => builder.add(member, score, |old, _| old),
            (
                Making::Hash(hash),
                Member::Hash {
                    name,
                    value,
                    expires_at_ms,
                },
            ) => {
                let ttl = expires_at_ms.map_or(FieldTtl::Clear, FieldTtl::At);
                hash.set(name, value, ttl, &limits::hash(settings)) == SetOutcome::Created
            }
            (Making::List(stretches), Member::List(index, element)) => {
                stretches.add(index, element, &limits::list(settings));
                true
            }
            _ => false,
        }
    }
}

/// Elements of a list as they came: what follows on each other is in one.
#[derive(Default)]
struct Stretches {
    /// By the index of the first element.
    lists: Vec<(u64, List)>,
}

impl Stretches {
    fn add(&mut self, index: u64, element: &[u8], limits: &list::Limits) {
        let follows = |(first, list): &(u64, List)| first.checked_add(list.len() as u64) == Some(index);
        if !self.lists.last().is_some_and(follows) {
            self.lists.push((index, List::new()));
        }
        if let Some((_, list)) = self.lists.last_mut() {
            list.push_back(element, limits);
        }
    }

    /// The whole list; `None` when there are gaps or elements twice.
    fn join(mut self, limits: &list::Limits) -> Option<List> {
        self.lists.sort_by_key(|(first, _)| *first);
        let mut joined = List::new();
        for (first, list) in self.lists {
            if first != joined.len() as u64 {
                return None;
            }
            if joined.is_empty() {
                joined = list;
            } else {
                list.iter().for_each(|element| joined.push_back(element, limits));
            }
        }
        Some(joined)
    }
}
