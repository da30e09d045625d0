//! The line editor: rustyline with the server's commands for completion and hints, and our history.

use super::grammar;
use super::help::Help;
use super::history::{History, LINES_MAX};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::{Hint, Hinter};
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};
use std::borrow::Cow;
use std::rc::Rc;

/// Why there is no line.
pub enum ReadError {
    /// Ctrl-D, or the terminal has gone.
    End,
    /// Ctrl-C.
    Interrupted,
    /// Something else.
    Other(ReadlineError),
}

/// See the module's head.
pub struct LineEditor {
    editor: Editor<Guide, MemHistory>,
    history: History,
}

impl LineEditor {
    /// With the lines of earlier times.
    ///
    /// # Errors
    /// When the terminal cannot be used.
    pub fn new() -> Result<Self, ReadlineError> {
        let config = Config::builder()
            .completion_type(CompletionType::Circular)
            .max_history_size(LINES_MAX)?
            .history_ignore_dups(true)?
            .build();
        let (history, lines) = History::load();
        let mut editor = Editor::with_history(config.clone(), MemHistory::with_config(&config))?;
        for line in lines {
            editor.add_history_entry(line)?;
        }
        Ok(LineEditor { editor, history })
    }

    /// The next line.
    ///
    /// # Errors
    /// When there is none.
    pub fn read(&mut self, prompt: &str, help: &Rc<Help>, hints: bool) -> Result<String, ReadError> {
        self.editor.set_helper(Some(Guide {
            help: Rc::clone(help),
            hints,
        }));
        match self.editor.readline(prompt) {
            Ok(line) => {
                if self.history.add(&line) {
                    self.editor.add_history_entry(&line).map_err(ReadError::Other)?;
                }
                Ok(line)
            }
            Err(ReadlineError::Eof) => Err(ReadError::End),
            Err(ReadlineError::Interrupted) => Err(ReadError::Interrupted),
            Err(error) => Err(ReadError::Other(error)),
        }
    }
}

struct Guide {
    help: Rc<Help>,
    hints: bool,
}

impl Helper for Guide {}
impl Validator for Guide {}

impl Highlighter for Guide {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("\x1b[0;90;49m{hint}\x1b[0m"))
    }
}

/// The rest of a command: only shown, since most of it are names of what is to be typed.
pub struct Rest(String);

impl Hint for Rest {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Hinter for Guide {
    type Hint = Rest;

    fn hint(&self, line: &str, at: usize, _: &Context<'_>) -> Option<Rest> {
        if !self.hints || at < line.len() {
            return None;
        }
        hint(&self.help, line).map(Rest)
    }
}

impl Completer for Guide {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(complete(&self.help, line.get(..at).unwrap_or(line)))
    }
}

/// The rest of the command behind a line.
fn hint(help: &Help, line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (command, count) = help.find(&words)?;
    let rest = grammar::remaining(&command.arguments, &words[count..]);
    if rest.is_empty() {
        return None;
    }
    let gap = if line.ends_with(char::is_whitespace) {
        ""
    } else {
        " "
    };
    Some(format!("{gap}{rest}"))
}

/// Where in the line the candidates begin, and the candidates: names of commands for the whole line, groups behind
/// `help @`, and words of the command's grammar for the last word. In the case that was typed.
fn complete(help: &Help, line: &str) -> (usize, Vec<String>) {
    let of_help = line
        .get(..5)
        .is_some_and(|begin| begin.eq_ignore_ascii_case("help "));
    let begin = if of_help { 5 } else { 0 };
    let typed = &line[begin..];
    if let (true, Some(letters)) = (of_help, typed.strip_prefix('@')) {
        let groups = help.groups_from(letters).into_iter();
        return (begin, groups.map(|group| format!("@{group}")).collect());
    }
    if typed.is_empty() && !of_help {
        return (begin, Vec::new());
    }
    let names: Vec<String> = help
        .names_from(typed)
        .map(|name| in_case_of(typed, name))
        .collect();
    if !names.is_empty() || of_help {
        return (begin, names);
    }
    let word = line.rsplit(char::is_whitespace).next().unwrap_or_default();
    let word_begin = line.len() - word.len();
    let words: Vec<&str> = line.split_whitespace().collect();
    let Some((command, _)) = help.find(&words).filter(|_| !word.is_empty()) else {
        return (line.len(), Vec::new());
    };
    let letters = word.to_uppercase();
    let mut tokens: Vec<String> = grammar::tokens(&command.arguments)
        .into_iter()
        .filter(|token| token.to_uppercase().starts_with(&letters))
        .map(|token| in_case_of(word, token))
        .collect();
    tokens.sort_unstable();
    tokens.dedup();
    (word_begin, tokens)
}

fn in_case_of(typed: &str, name: &str) -> String {
    match typed.chars().any(char::is_lowercase) {
        true => name.to_lowercase(),
        false => name.to_owned(),
    }
}
