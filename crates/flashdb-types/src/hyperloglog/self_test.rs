//! PFSELFTEST: dense registers keep apart, both encodings agree, and estimates stay within six
//! standard errors.

use flashdb_base::prng::Prng;

use super::*;

const REGISTER_ROUNDS: usize = 100;
const ELEMENTS_MAX: u64 = 1_000_000;

/// Runs the test; takes tens of milliseconds. The error tells what failed, as Redis words it.
pub fn self_test(seed: u64, sparse_bytes_max: usize) -> Result<(), String> {
    let mut random = Prng::from_seed(seed);
    test_registers(&mut random)?;
    test_estimates(random.next_u64(), sparse_bytes_max)
}

fn test_registers(random: &mut Prng) -> Result<(), String> {
    let mut value = vec![0; DENSE_BYTES];
    let mut expected = vec![0; HLL_REGISTERS];
    for _ in 0..REGISTER_ROUNDS {
        for (index, register) in expected.iter_mut().enumerate() {
            *register = random.next_u64() as u8 & REGISTER_MAX;
            set_dense(&mut value, index, *register);
        }
        for (index, &register) in expected.iter().enumerate() {
            let found = get_dense(&value, index);
            if found != register {
                return Err(format!(
                    "TESTFAILED Register {index} should be {register} but is {found}"
                ));
            }
        }
    }
    Ok(())
}

fn test_estimates(seed: u64, sparse_bytes_max: usize) -> Result<(), String> {
    let (mut sparse, mut dense) = (create(), create());
    let failed = |error: HllError| format!("TESTFAILED {}", error.message());
    to_dense(&mut dense).map_err(failed)?;
    let mut checkpoint = 1;
    for counter in 1..=ELEMENTS_MAX {
        let element = (counter ^ seed).to_le_bytes();
        add(&mut dense, &element, sparse_bytes_max).map_err(failed)?;
        add(&mut sparse, &element, sparse_bytes_max).map_err(failed)?;
        if counter == checkpoint {
            check_estimate(&sparse, &dense, checkpoint, sparse_bytes_max)?;
            checkpoint *= 10;
        }
    }
    Ok(())
}

fn check_estimate(sparse: &[u8], dense: &[u8], cardinality: u64, bytes_max: usize) -> Result<(), String> {
    if cardinality < bytes_max as u64 / 2 && check(sparse) != Ok(HllEncoding::Sparse) {
        return Err("TESTFAILED sparse encoding not used".to_owned());
    }
    let estimate = count(dense);
    if estimate != count(sparse) {
        return Err("TESTFAILED dense/sparse disagree".to_owned());
    }
    let standard_error = 1.04 / (HLL_REGISTERS as f64).sqrt();
    let error_max = match cardinality {
        // Two elements of ten in one register is not rare enough.
        10 => 1,
        _ => (standard_error * 6.0 * cardinality as f64).ceil() as u64,
    };
    let error = estimate.map_or(u64::MAX, |estimate| estimate.abs_diff(cardinality));
    if error > error_max {
        return Err(format!(
            "TESTFAILED Too big error. card:{cardinality} abserr:{error}"
        ));
    }
    Ok(())
}
