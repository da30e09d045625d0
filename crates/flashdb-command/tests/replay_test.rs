//! What is logged of hash and set commands leads another server to the same data: seeded random
//! commands run with a clock that moves on and fields that expire; their logged effects run elsewhere,
//! with other randomness, at the times at which they were logged. Not covered: keys that expire whole.

use flashdb_base::prng::Prng;
use flashdb_command::testing::Runner;

const COMMANDS: &[&str] = &[
    "HSET h$k $f $n",
    "HSET h$k $f $n $f $n",
    "HSETNX h$k $f $n",
    "HDEL h$k $f $f",
    "HINCRBY h$k $f $n",
    "HINCRBYFLOAT h$k $f $n.3",
    "HEXPIRE h$k 1 FIELDS 2 $f $f",
    "HPEXPIRE h$k $n0 NX FIELDS 1 $f",
    "HPEXPIRE h$k $n0 GT FIELDS 1 $f",
    "HPEXPIREAT h$k 1 FIELDS 1 $f",
    "HPERSIST h$k FIELDS 1 $f",
    "HGETEX h$k PX $n0 FIELDS 2 $f $f",
    "HGETEX h$k PERSIST FIELDS 1 $f",
    "HSETEX h$k PX $n0 FIELDS 2 $f $n $f $n",
    "HSETEX h$k FXX KEEPTTL FIELDS 1 $f $n",
    "HSETEX h$k FNX EX 1 FIELDS 1 $f $n",
    "HSETEX h$k EXAT 1 FIELDS 1 $f $n",
    "HGETDEL h$k FIELDS 2 $f $f",
    "SADD s$k $f $n $n",
    "SREM s$k $f $n",
    "SPOP s$k",
    "SPOP s$k 2",
    "SMOVE s$k s1 $f",
    "SUNIONSTORE s$k s0 s1",
    "SDIFFSTORE s2 s$k s1",
    "SINTERSTORE s$k s0 s1",
];

/// A random command: `$k` is one of three keys, `$f` one of eight fields, `$n` a number below 40.
fn command(prng: &mut Prng) -> String {
    let mut line = String::from(COMMANDS[prng.below(COMMANDS.len() as u64) as usize]);
    while let Some(at) = line.find('$') {
        let value = match &line[at + 1..at + 2] {
            "k" => prng.below(3).to_string(),
            "f" => format!("field{}", prng.below(8)),
            _ => prng.below(40).to_string(),
        };
        line.replace_range(at..at + 2, &value);
    }
    line
}

/// Everything the six keys hold, in an order of its own.
fn contents(run: &mut Runner) -> Vec<String> {
    let mut all = Vec::new();
    for key in 0..3 {
        let fields = run.run(&format!("HKEYS h{key}"));
        for field in fields.split(' ').filter(|word| word.starts_with("field")) {
            let value = run.run(&format!("HGET h{key} {field}"));
            let time = run.run(&format!("HPEXPIRETIME h{key} FIELDS 1 {field}"));
            all.push(format!("h{key} {field} {value} {time}"));
        }
        let members = run.run(&format!("SMEMBERS s{key}"));
        let words = members.split(' ').filter(|word| !word.starts_with(['$', '*']));
        all.extend(words.map(|member| format!("s{key} {member}")));
    }
    all.sort();
    all
}

#[test]
fn logged_effects_lead_to_the_same_data() {
    for seed in 0..8 {
        let mut prng = Prng::from_seed(seed);
        let mut original = Runner::default();
        let mut copy = Runner::default();
        copy.seed = 1_000_000;
        let mut effects_count = 0;
        for step in 0..600 {
            original.now_ms += prng.below(30) as i64;
            copy.now_ms = original.now_ms;
            let line = command(&mut prng);
            let reply = original.run(&line);
            assert!(
                !reply.starts_with("-ERR syntax") && !reply.contains("wrong number"),
                "{line}: {reply}"
            );
            for effect in std::mem::take(&mut original.logged) {
                copy.run_words(effect.as_args().iter());
                effects_count += 1;
            }
            if step % 20 == 0 {
                let (left, right) = (contents(&mut original), contents(&mut copy));
                assert_eq!(left, right, "seed {seed}, step {step}: {line}");
            }
        }
        assert!(effects_count > 100, "the commands change something");
    }
}
