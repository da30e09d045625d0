//! The oracle must see what it is for: lost, halved, invented and reordered effects.

use super::*;
use crate::crash::client::Answer;
use crate::crash::load::Step;
use crate::crash::model::Entry;
use crate::resp::words;

/// Plain requests, each acknowledged with what the model expects, 10 ms apart; the last `in_flight` have no reply.
fn history(lines: &[&str], in_flight: usize) -> (Vec<Sent>, Instant) {
    let start = Instant::now();
    let mut model = Model::new();
    let mut history = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let request = words(line);
        let timing = Timing {
            sent_ms: 1_000_000,
            done_ms: 1_000_000,
        };
        let reply = effect::apply(&mut model, &request, &Outcome::Told(&Reply::Null), timing);
        let done = start + Duration::from_millis(10 * number as u64 + 5);
        let answer = Answer {
            replies: vec![reply.expect("known").expect("one reply only")],
            done,
            done_ms: 1_000_000,
        };
        history.push(Sent {
            step: Step {
                requests: vec![request],
                is_group: false,
            },
            sent: done - Duration::from_millis(4),
            sent_ms: 1_000_000,
            answer: (number + in_flight < lines.len()).then_some(answer),
        });
    }
    (history, start + Duration::from_millis(10 * lines.len() as u64))
}

fn state(pairs: &[(&str, &str)]) -> Model {
    let entry = |value: &str| Entry {
        value: Value::Text(value.into()),
        expiry: None,
    };
    pairs
        .iter()
        .map(|(key, value)| (key.as_bytes().to_vec(), entry(value)))
        .collect()
}

fn judged(
    lines: &[&str],
    in_flight: usize,
    seen: &[(&str, &str)],
    allowance: Allowance,
) -> Result<Survivors, String> {
    let (history, end) = history(lines, in_flight);
    let case = Case {
        client: 0,
        base: &Model::new(),
        history: &history,
        seen: &state(seen),
        seen_ms: 2_000_000,
        end,
    };
    judge(&case, allowance)
}

const LINES: [&str; 3] = ["SET c0:a 1", "SET c0:b 2", "SET c0:a 3"];

#[test]
fn all_or_the_last_in_flight() {
    let all = [("c0:a", "3"), ("c0:b", "2")];
    let two = [("c0:a", "1"), ("c0:b", "2")];
    let exactly = |steps| {
        Ok(Survivors {
            least: steps,
            most: steps,
        })
    };
    assert_eq!(judged(&LINES, 0, &all, Allowance::Nothing), exactly(3));
    assert_eq!(judged(&LINES, 1, &all, Allowance::Nothing), exactly(3));
    assert_eq!(judged(&LINES, 1, &two, Allowance::Nothing), exactly(2));
    assert_eq!(judged(&LINES, 0, &two, Allowance::AnyTail), exactly(2));
}

#[test]
fn losses_are_seen() {
    let two = [("c0:a", "1"), ("c0:b", "2")];
    assert!(judged(&LINES, 0, &two, Allowance::Nothing).is_err());
    // Acknowledged 5 ms before the end.
    assert!(judged(&LINES, 0, &two, Allowance::Younger(Duration::from_millis(6))).is_ok());
    assert!(judged(&LINES, 0, &two, Allowance::Younger(Duration::from_millis(4))).is_err());
    // A hole: the first step missing behind the second.
    assert!(judged(&LINES, 0, &[("c0:b", "2")], Allowance::AnyTail).is_err());
    // Something that nobody wrote.
    let more = [("c0:a", "3"), ("c0:b", "2"), ("c0:c", "4")];
    assert!(judged(&LINES, 0, &more, Allowance::AnyTail).is_err());
}

#[test]
fn halves_are_seen() {
    let case = |pairs: &[(&str, &str)]| check_groups(0, &state(pairs));
    assert!(case(&[("c0:mark:a", "1"), ("c0:mark:b", "1")]).is_ok());
    assert!(case(&[("c0:mark:a", "1"), ("c0:mark:b", "2")]).is_err());
    assert!(case(&[("c0:mark:a", "1")]).is_err());
    assert!(case(&[("c0:account:0", "5"), ("c0:account:1", "-5")]).is_ok());
    assert!(case(&[("c0:account:0", "5"), ("c0:account:1", "-4")]).is_err());
    assert!(case(&[("c0:mset:0", "5")]).is_err());
}

#[test]
fn wrong_replies_are_seen() {
    let (mut history, end) = history(&["INCRBY c0:n 1", "INCRBY c0:n 1"], 0);
    let answer = history[1].answer.as_mut().expect("acknowledged");
    answer.replies = vec![Reply::Int(3)];
    let case = Case {
        client: 0,
        base: &Model::new(),
        history: &history,
        seen: &state(&[("c0:n", "2")]),
        seen_ms: 2_000_000,
        end,
    };
    assert!(judge(&case, Allowance::Nothing).is_err());
}

#[test]
fn a_hole_between_connections_is_seen() {
    let (lost, end) = history(&["SET c0:a 1"], 0);
    let (mut kept, _) = history(&["SET c1:a 1"], 0);
    kept[0].sent = end + Duration::from_millis(1);
    let (empty, held) = (Model::new(), state(&[("c1:a", "1")]));
    let case = |client, history, seen| Case {
        client,
        base: &empty,
        history,
        seen,
        seen_ms: 2_000_000,
        end,
    };
    let (first, second) = (case(0, &lost, &empty), case(1, &kept, &held));
    let judged = |case| (case, judge(case, Allowance::AnyTail).expect("a prefix"));
    assert!(check_common_order(&[judged(&first), judged(&second)]).is_err());
    assert!(check_common_order(&[judged(&first)]).is_ok());
}
