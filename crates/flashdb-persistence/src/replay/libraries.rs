//! Records that change function libraries. Only sources are kept here: whether a source defines what it should was found out
//! before it was logged, and running it once more takes an interpreter. So what is there already is replaced, whatever the
//! request said about that: it did succeed.

use super::error::Reason;
use flashdb_base::args::Args;
use flashdb_rdb::decode_functions;
use flashdb_store::Libraries;
use flashdb_store::libraries::{LibraryHead, Sources};

/// Does what a FUNCTION request says. The gate is closed.
pub(super) fn change(libraries: &Libraries, args: &Args<'_>) -> Result<(), Reason> {
    let is = |at: usize, word: &str| {
        args.get(at)
            .is_some_and(|given| given.eq_ignore_ascii_case(word.as_bytes()))
    };
    match args.len() {
        2 | 3 if is(1, "FLUSH") => {
            libraries.change(Sources::clear);
        }
        3 if is(1, "DELETE") => {
            libraries.change(|sources| sources.remove(args.at(2)));
        }
        3.. if is(1, "LOAD") => {
            let added = sources([args.at(args.len() - 1)])?;
            libraries.change(|sources| sources.extend(added));
        }
        3 | 4 if is(1, "RESTORE") => {
            let found = decode_functions(args.at(2)).map_err(|_| refused())?;
            let mut added = sources(found.iter().map(Vec::as_slice))?;
            libraries.change(|sources| {
                if is(3, "FLUSH") {
                    sources.clear();
                }
                sources.append(&mut added);
            });
        }
        _ => return Err(Reason::UnknownCommand),
    }
    Ok(())
}

fn sources<'s>(texts: impl IntoIterator<Item = &'s [u8]>) -> Result<Sources, Reason> {
    let named = |text: &[u8]| {
        let head = LibraryHead::parse(text).map_err(|_| refused())?;
        Ok((head.name.into(), text.into()))
    };
    texts.into_iter().map(named).collect()
}

fn refused() -> Reason {
    Reason::Refused("ERR".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_base::args::Span;
    use flashdb_rdb::dump_functions;

    fn run(libraries: &Libraries, words: &[&[u8]]) -> Result<(), Reason> {
        let bytes = words.concat();
        let mut start = 0;
        let spans: Vec<Span> = words
            .iter()
            .map(|word| {
                start += word.len();
                Span {
                    start: (start - word.len()) as u32,
                    len: word.len() as u32,
                }
            })
            .collect();
        change(libraries, &Args::new(&bytes, &spans))
    }

    fn names(libraries: &Libraries) -> Vec<String> {
        let (_, sources) = libraries.sources();
        sources
            .values()
            .map(|source| String::from_utf8_lossy(source).into_owned())
            .collect()
    }

    #[test]
    fn each_form_has_its_effect() {
        let libraries = Libraries::default();
        let (a, other_a, b) = (b"#!lua name=a\n1", b"#!lua name=a\n2", b"#!lua name=b\n3");
        run(&libraries, &[b"FUNCTION", b"LOAD", a]).expect("loads");
        run(&libraries, &[b"function", b"load", b"replace", other_a]).expect("loads");
        run(&libraries, &[b"FUNCTION", b"LOAD", b]).expect("loads");
        assert_eq!(names(&libraries), ["#!lua name=a\n2", "#!lua name=b\n3"]);
        run(&libraries, &[b"FUNCTION", b"DELETE", b"a"]).expect("deletes");
        assert_eq!(names(&libraries), ["#!lua name=b\n3"]);
        let payload = dump_functions([a.as_slice()], true);
        run(&libraries, &[b"FUNCTION", b"RESTORE", &payload]).expect("restores");
        assert_eq!(names(&libraries).len(), 2);
        run(&libraries, &[b"FUNCTION", b"RESTORE", &payload, b"FLUSH"]).expect("restores");
        assert_eq!(names(&libraries), ["#!lua name=a\n1"]);
        run(&libraries, &[b"FUNCTION", b"FLUSH", b"ASYNC"]).expect("flushes");
        assert!(names(&libraries).is_empty());
    }

    #[test]
    fn what_does_not_fit_changes_nothing() {
        let libraries = Libraries::default();
        let words: [&[&[u8]]; 5] = [
            &[b"FUNCTION"],
            &[b"FUNCTION", b"LOAD"],
            &[b"FUNCTION", b"LOAD", b"no library"],
            &[b"FUNCTION", b"RESTORE", b"no payload"],
            &[b"FUNCTION", b"NONSENSE"],
        ];
        for request in words {
            assert!(run(&libraries, request).is_err(), "{request:?}");
        }
        assert_eq!(libraries.version(), 0);
    }
}
