//! The arguments of a command as the server describes them (COMMAND DOCS): how they are written down, and what of them is
//! still to come behind the words that are typed.
//!
//! Following the words is a guess where a grammar is ambiguous: the first reading is taken, none is tried again.

use flashdb_resp::reply::Value;

/// One argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// What people call it.
    name: String,
    /// The word before it.
    token: Option<String>,
    shape: Shape,
    optional: bool,
    multiple: bool,
    /// Whether the token is said again each time.
    multiple_token: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Shape {
    /// The token alone.
    Token,
    /// One word.
    Word,
    /// One of these.
    OneOf(Vec<Argument>),
    /// All of these.
    Block(Vec<Argument>),
}

/// Reads the list that COMMAND DOCS gives; what is not understood is left out.
pub fn read(list: &Value) -> Vec<Argument> {
    let items = list.items().unwrap_or_default();
    items.iter().filter_map(read_one).collect()
}

fn read_one(value: &Value) -> Option<Argument> {
    let text = |name: &str| {
        let bytes = value.field(name)?.bytes()?;
        Some(shown(bytes))
    };
    let flags: Vec<String> = value
        .field("flags")
        .and_then(Value::items)
        .unwrap_or_default()
        .iter()
        .filter_map(|flag| flag.bytes().map(shown))
        .collect();
    let has = |name: &str| flags.iter().any(|flag| flag == name);
    let inner = || value.field("arguments").map(read).unwrap_or_default();
    let shape = match text("type")?.as_str() {
        "pure-token" => Shape::Token,
        "oneof" => Shape::OneOf(inner()),
        "block" => Shape::Block(inner()),
        _ => Shape::Word,
    };
    Some(Argument {
        name: text("display_text").or_else(|| text("name"))?,
        token: text("token"),
        shape,
        optional: has("optional"),
        multiple: has("multiple"),
        multiple_token: has("multiple_token"),
    })
}

/// A server's text on our terminal: without anything that could move its cursor.
pub fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.chars().filter(|c| !c.is_control()).collect()
}

/// All arguments, written down.
pub fn render(arguments: &[Argument]) -> String {
    join(arguments.iter().map(Argument::render), " ")
}

/// What is to come behind these words.
pub fn remaining(arguments: &[Argument], words: &[&str]) -> String {
    sequence(arguments, words, &[]).1
}

/// All words that the grammar knows.
pub fn tokens(arguments: &[Argument]) -> Vec<&str> {
    let mut found = Vec::new();
    for argument in arguments {
        found.extend(argument.token.as_deref());
        if let Shape::OneOf(inner) | Shape::Block(inner) = &argument.shape {
            found.extend(tokens(inner));
        }
    }
    found
}

fn join(parts: impl Iterator<Item = String>, between: &str) -> String {
    let parts: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
    parts.join(between)
}

impl Argument {
    /// Without token, brackets and repetition.
    fn core(&self) -> String {
        match &self.shape {
            Shape::Token => String::new(),
            Shape::Word => self.name.clone(),
            Shape::OneOf(inner) => join(inner.iter().map(Argument::render), "|"),
            Shape::Block(inner) => render(inner),
        }
    }

    /// The repetition, as it stands behind the first time.
    fn again(&self) -> String {
        let core = self.core();
        match (&self.token, self.multiple) {
            (_, false) => String::new(),
            (Some(token), true) if self.multiple_token => format!("[{token} {core} ...]"),
            _ => format!("[{core} ...]"),
        }
    }

    fn render(&self) -> String {
        let token = self.token.clone().unwrap_or_default();
        let text = join([token, self.core(), self.again()].into_iter(), " ");
        if self.optional { format!("[{text}]") } else { text }
    }

    /// Whether the argument may begin with this word as one of its own.
    fn begins_with(&self, word: &str) -> bool {
        match (&self.token, &self.shape) {
            (Some(token), _) => token.eq_ignore_ascii_case(word),
            (None, Shape::OneOf(inner)) => inner.iter().any(|argument| argument.begins_with(word)),
            (None, Shape::Block(inner)) => inner.first().is_some_and(|first| first.begins_with(word)),
            (None, _) => false,
        }
    }

    /// How many of the words (at least one is given) the argument takes, and what of it is to come; nothing when they are
    /// none of its words. `next` may follow, so a repetition ends at its words.
    fn consume(&self, words: &[&str], next: &[&Argument]) -> Option<(usize, String)> {
        let (mut used, mut rest) = self.consume_once(words, next)?;
        while self.multiple && used < words.len() {
            if next.iter().any(|argument| argument.begins_with(words[used])) {
                break;
            }
            let more = match self.multiple_token {
                true => self.consume_once(&words[used..], next),
                false => self.consume_core(&words[used..], next),
            };
            match more {
                Some((0, _)) | None => break,
                Some((count, to_come)) => {
                    used += count;
                    rest = to_come;
                }
            }
        }
        if used == words.len() {
            rest = join([rest, self.again()].into_iter(), " ");
        }
        Some((used, rest))
    }

    fn consume_once(&self, words: &[&str], next: &[&Argument]) -> Option<(usize, String)> {
        let Some(token) = &self.token else {
            return self.consume_core(words, next);
        };
        if !token.eq_ignore_ascii_case(words.first()?) {
            return None;
        }
        let (used, rest) = self.consume_core(&words[1..], next)?;
        Some((used + 1, rest))
    }

    fn consume_core(&self, words: &[&str], next: &[&Argument]) -> Option<(usize, String)> {
        match &self.shape {
            Shape::Token => Some((0, String::new())),
            _ if words.is_empty() => Some((0, self.core())),
            Shape::Word => Some((1, String::new())),
            Shape::OneOf(inner) => inner
                .iter()
                .filter_map(|argument| argument.consume(words, next))
                .max_by_key(|(used, _)| *used),
            Shape::Block(inner) => Some(sequence(inner, words, next)).filter(|(used, _)| *used > 0),
        }
    }
}

/// As [`Argument::consume`], for arguments one behind the other. Optional ones may come in any order among themselves.
fn sequence(arguments: &[Argument], words: &[&str], next: &[&Argument]) -> (usize, String) {
    let mut used = 0;
    let mut to_come = Vec::new();
    let mut at = 0;
    while at < arguments.len() {
        let followers = |from: usize| -> Vec<&Argument> {
            arguments[from..].iter().chain(next.iter().copied()).collect()
        };
        if !arguments[at].optional {
            if used == words.len() {
                to_come.push(arguments[at].render());
            } else {
                match arguments[at].consume(&words[used..], &followers(at + 1)) {
                    Some((count, rest)) => {
                        used += count;
                        to_come.push(rest);
                    }
                    // A word that does not belong here: there is no telling what comes next.
                    None => return (used, String::new()),
                }
            }
            at += 1;
            continue;
        }
        let end = at
            + arguments[at..]
                .iter()
                .take_while(|argument| argument.optional)
                .count();
        let mut open: Vec<&Argument> = arguments[at..end].iter().collect();
        while used < words.len() {
            let found = open.iter().enumerate().find_map(|(index, argument)| {
                let others = open.iter().enumerate().filter(|(other, _)| *other != index);
                let mut next: Vec<&Argument> = others.map(|(_, other)| *other).collect();
                next.extend(followers(end));
                let (count, rest) = argument.consume(&words[used..], &next)?;
                Some((index, count, rest))
            });
            match found {
                Some((index, count, rest)) if count > 0 => {
                    open.remove(index);
                    used += count;
                    to_come.push(rest);
                }
                _ => break,
            }
        }
        // Behind a word that belongs to a later argument they cannot come any more.
        if used == words.len() {
            to_come.extend(open.iter().map(|argument| argument.render()));
        }
        at = end;
    }
    (used, join(to_come.into_iter(), " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_base::prng::Prng;

    fn word(name: &str) -> Argument {
        Argument {
            name: name.to_owned(),
            token: None,
            shape: Shape::Word,
            optional: false,
            multiple: false,
            multiple_token: false,
        }
    }

    fn token(text: &str) -> Argument {
        Argument {
            token: Some(text.to_owned()),
            shape: Shape::Token,
            ..word("")
        }
    }

    fn after(text: &str, name: &str) -> Argument {
        Argument {
            token: Some(text.to_owned()),
            ..word(name)
        }
    }

    fn group(shape: Shape) -> Argument {
        Argument { shape, ..word("") }
    }

    fn optional(argument: Argument) -> Argument {
        Argument {
            optional: true,
            ..argument
        }
    }

    fn multiple(argument: Argument) -> Argument {
        Argument {
            multiple: true,
            ..argument
        }
    }

    fn set() -> Vec<Argument> {
        let expiry = Shape::OneOf(vec![after("EX", "seconds"), after("PX", "ms"), token("KEEPTTL")]);
        vec![
            word("key"),
            word("value"),
            optional(group(Shape::OneOf(vec![token("NX"), token("XX")]))),
            optional(token("GET")),
            optional(group(expiry)),
        ]
    }

    #[test]
    fn is_written_down() {
        assert_eq!(
            render(&set()),
            "key value [NX|XX] [GET] [EX seconds|PX ms|KEEPTTL]"
        );
        let weights = optional(multiple(after("WEIGHTS", "weight")));
        assert_eq!(weights.render(), "[WEIGHTS weight [weight ...]]");
        let by = Argument {
            multiple_token: true,
            ..optional(multiple(after("GET", "pattern")))
        };
        assert_eq!(by.render(), "[GET pattern [GET pattern ...]]");
        let pairs = multiple(group(Shape::Block(vec![word("field"), word("value")])));
        assert_eq!(pairs.render(), "field value [field value ...]");
    }

    #[test]
    fn words_are_followed() {
        let rest = |arguments: &[Argument], line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            remaining(arguments, &words)
        };
        assert_eq!(
            rest(&set(), "k"),
            "value [NX|XX] [GET] [EX seconds|PX ms|KEEPTTL]"
        );
        assert_eq!(rest(&set(), "k v get"), "[NX|XX] [EX seconds|PX ms|KEEPTTL]");
        assert_eq!(rest(&set(), "k v ex"), "seconds [NX|XX] [GET]");
        assert_eq!(rest(&set(), "k v EX 5 nx"), "[GET]");
        assert_eq!(rest(&set(), "k v nonsense"), "");
        let pairs = [
            word("key"),
            multiple(group(Shape::Block(vec![word("field"), word("value")]))),
        ];
        assert_eq!(rest(&pairs, "k f"), "value [field value ...]");
        assert_eq!(rest(&pairs, "k f v"), "[field value ...]");
        assert_eq!(rest(&pairs, "k f v g"), "value [field value ...]");
        let union = [
            word("numkeys"),
            multiple(word("key")),
            optional(multiple(after("WEIGHTS", "weight"))),
            optional(after("AGGREGATE", "how")),
        ];
        assert_eq!(rest(&union, "2 a b weights 1"), "[weight ...] [AGGREGATE how]");
        assert_eq!(
            rest(&union, "2 a b aggregate"),
            "how [WEIGHTS weight [weight ...]]"
        );
        let blocking = [multiple(word("key")), word("timeout")];
        assert_eq!(rest(&blocking, "a b"), "[key ...] timeout");
    }

    fn random_arguments(random: &mut Prng, depth: usize) -> Vec<Argument> {
        (0..random.below(4))
            .map(|_| Argument {
                name: ["a", "b"][random.below(2) as usize].to_owned(),
                token: (random.below(2) == 0).then(|| ["X", "Y"][random.below(2) as usize].to_owned()),
                shape: match random.below(if depth == 0 { 2 } else { 4 }) {
                    0 => Shape::Token,
                    1 => Shape::Word,
                    2 => Shape::OneOf(random_arguments(random, depth - 1)),
                    _ => Shape::Block(random_arguments(random, depth - 1)),
                },
                optional: random.below(2) == 0,
                multiple: random.below(2) == 0,
                multiple_token: random.below(2) == 0,
            })
            .collect()
    }

    /// Whatever a server describes and a person types, following it ends.
    #[test]
    fn every_grammar_and_line_is_stood() {
        let mut random = Prng::from_seed(11);
        for _ in 0..20_000 {
            let arguments = random_arguments(&mut random, 3);
            let words: Vec<&str> = (0..random.below(8))
                .map(|_| ["x", "y", "z"][random.below(3) as usize])
                .collect();
            let (used, _) = sequence(&arguments, &words, &[]);
            assert!(used <= words.len());
            let _text = render(&arguments);
        }
    }
}
