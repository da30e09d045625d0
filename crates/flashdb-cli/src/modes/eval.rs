//! `--eval FILE KEY... , ARGUMENT...`: sends a Lua script from a file.

use crate::options::Options;
use crate::session::{Failed, Session};

/// Runs the script and prints its reply.
///
/// # Errors
/// When the file cannot be read or the connection fails; that was printed.
pub fn run(mut options: Options, path: &str) -> Result<(), Failed> {
    let script = std::fs::read(path).map_err(|error| {
        let reason = crate::connection::reason(&error);
        eprintln!("Can't open file '{path}': {reason}");
        Failed
    })?;
    let words = request(script, std::mem::take(&mut options.words));
    Session::new(options).issue(&words, 1)
}

fn request(script: Vec<u8>, words: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let keys = words.iter().position(|word| word == b",").unwrap_or(words.len());
    let mut request = vec![b"EVAL".to_vec(), script, keys.to_string().into_bytes()];
    let is_comma = |index: usize| index == keys;
    let words = words.into_iter().enumerate();
    request.extend(words.filter(|(index, _)| !is_comma(*index)).map(|(_, word)| word));
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_parts_keys_from_arguments() {
        for (line, expected) in [
            ("a b , c ,", "EVAL s 2 a b c ,"),
            (", c", "EVAL s 0 c"),
            ("a ,b", "EVAL s 2 a ,b"),
        ] {
            let words = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
            let request = request(b"s".to_vec(), words).join(&b' ');
            assert_eq!(String::from_utf8_lossy(&request), expected);
        }
    }
}
