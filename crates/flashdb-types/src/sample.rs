//! Fair choice without replacement, shared by the types that answer random members.

use flashdb_base::prng::Prng;

/// Visits `count` of the `len` items that `items` gives, each subset equally likely, in the order of `items`
/// (selection sampling, Knuth vol. 2, 3.4.2, algorithm S). O(len). All of them when `count >= len`.
pub(crate) fn choose<T>(
    items: impl Iterator<Item = T>,
    len: usize,
    count: usize,
    prng: &mut Prng,
    mut visit: impl FnMut(T),
) {
    let (mut left, mut wanted) = (len, count.min(len));
    for item in items {
        if wanted == 0 {
            return;
        }
        if prng.below(left as u64) < wanted as u64 {
            visit(item);
            wanted -= 1;
        }
        left -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_equally_likely() {
        let mut prng = Prng::from_seed(3);
        let mut hits = [0u32; 10];
        for _ in 0..10_000 {
            let mut taken = 0;
            choose(0..10, 10, 3, &mut prng, |item| {
                hits[item] += 1;
                taken += 1;
            });
            assert_eq!(taken, 3);
        }
        assert!(
            hits.iter().all(|&count| (2_800..3_200).contains(&count)),
            "{hits:?}"
        );
        let mut all = Vec::new();
        choose(0..4, 4, 9, &mut prng, |item| all.push(item));
        assert_eq!(all, [0, 1, 2, 3]);
    }
}
