use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use rws_model::Codec;
use serde::{Deserialize, Serialize};

use super::boundary;
use super::codec::{self, Span};
use super::table::{Row, Table, TableReader};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pair {
    key: String,
    value: u32,
}

impl Row for Pair {
    fn key(&self) -> &str {
        &self.key
    }
}

/// The blocks of entries, given as key and length.
fn cut<'a>(entries: impl Iterator<Item = (&'a str, usize)>) -> Vec<std::ops::Range<usize>> {
    let mut cutter = boundary::Cutter::default();
    let mut starts: Vec<usize> = Vec::new();
    let mut end = 0;
    for (position, (key, length)) in entries.enumerate() {
        if cutter.ends_before(key, length) || position == 0 {
            starts.push(position);
        }
        end = position + 1;
    }
    let ends = starts.iter().skip(1).copied().chain([end]);
    starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect()
}

fn order(left: &str, right: &str) -> std::cmp::Ordering {
    left.cmp(right)
}

fn edited(table: &Table<Pair>, edits: &[(String, Option<Pair>)]) -> Table<Pair> {
    let edits: Vec<_> = edits.iter().map(|(key, pair)| (key.as_str(), pair.as_ref())).collect();
    table.edited(&edits, &order).unwrap()
}

fn file(codec: Codec, texts: &[Vec<u8>]) -> (Vec<u8>, Vec<Span>) {
    let mut bytes = codec::head(codec);
    let mut spans = Vec::new();
    for text in texts {
        let (block, span) = codec::compress(codec, text).unwrap();
        assert_eq!(block.len() as u64, span.stored_bytes);
        assert_eq!(codec::decompress(codec, &block, &span).unwrap(), *text);
        bytes.extend(block);
        spans.push(span);
    }
    bytes.extend(codec::tail(codec, &spans));
    (bytes, spans)
}

/// What the program that everybody has makes of a file.
fn unpacked_by(program: &str, bytes: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .arg("-dc")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} cannot be run ({error}): run tests/setup"));
    let mut input = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&bytes));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{program} rejects the file");
    output.stdout
}

#[test]
fn joined_blocks_are_files_that_the_common_programs_read() {
    let entry = |number: u32| format!("Package: p{number}\nVersion: 1.{number}\n\n").into_bytes();
    let texts: Vec<Vec<u8>> = (0..300).map(entry).chain([Vec::new(), vec![b'x'; 3_000_000]]).collect();
    let whole: Vec<u8> = texts.concat();
    for (codec, program) in [(Codec::Gzip, "gzip"), (Codec::Xz, "xz"), (Codec::Zstd, "zstd")] {
        for some in [&texts[..], &texts[..1], &texts[300..301], &[]] {
            let (bytes, _) = file(codec, some);
            let expected: Vec<u8> = some.concat();
            assert_eq!(unpacked_by(program, &bytes), expected, "{program} of {} blocks", some.len());
        }
        assert!(file(codec, &texts).0.len() < whole.len());
    }
}

#[test]
fn a_damaged_block_is_an_error() {
    for codec in [Codec::Gzip, Codec::Xz, Codec::Zstd] {
        let (block, span) = codec::compress(codec, &[b'x'; 1000]).unwrap();
        for cut in 0..block.len() {
            assert!(codec::decompress(codec, &block[..cut], &span).is_err() || cut == 0, "{codec:?} {cut}");
        }
        let short = Span { open_bytes: 999, ..span };
        assert!(codec::decompress(codec, &block, &short).is_err());
    }
}

#[test]
fn full_blocks_end_and_natural_starts_stay() {
    let keys: Vec<String> = (0..5000).map(|number| format!("key {number:05}")).collect();
    let blocks = cut(keys.iter().map(|key| (key.as_str(), 1)));
    assert_eq!(blocks.iter().map(ExactSizeIterator::len).sum::<usize>(), 5000);
    assert!(blocks.iter().all(|block| block.len() <= 512));
    assert!((20..80).contains(&blocks.len()), "{}", blocks.len());
    let starts = |blocks: &[std::ops::Range<usize>], keys: &[String]| -> Vec<String> {
        blocks.iter().map(|block| keys[block.start].clone()).filter(|key| boundary::is_natural_start(key)).collect()
    };
    let mut more = keys.clone();
    more.insert(2500, "key 02499a".to_owned());
    let after = cut(more.iter().map(|key| (key.as_str(), 1)));
    let mut expected = starts(&blocks, &keys);
    if boundary::is_natural_start("key 02499a") {
        expected.push("key 02499a".to_owned());
        expected.sort();
    }
    assert_eq!(starts(&after, &more), expected);
    let large = cut((0..4).map(|_| ("same", 2 << 20)));
    assert_eq!(large.len(), 4);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However a table came to be, equal rows give equal blocks.
    #[test]
    fn a_table_is_a_function_of_its_rows(
        rounds in proptest::collection::vec(
            proptest::collection::btree_map(0_u32..3000, proptest::option::weighted(0.7, any::<u32>()), 0..400),
            1..6,
        )
    ) {
        let mut expected = BTreeMap::new();
        let mut table = Table::<Pair>::default();
        for round in rounds {
            let edits: Vec<(String, Option<Pair>)> = round
                .into_iter()
                .map(|(key, value)| (format!("k{key:06}"), value))
                .map(|(key, value)| (key.clone(), value.map(|value| Pair { key, value })))
                .collect();
            for (key, pair) in &edits {
                match pair {
                    Some(pair) => _ = expected.insert(key.clone(), pair.clone()),
                    None => _ = expected.remove(key),
                }
            }
            table = edited(&table, &edits);
        }
        let rows: Vec<Pair> = expected.values().cloned().collect();
        prop_assert_eq!(&table.all().unwrap(), &rows);
        prop_assert_eq!(table.len(), rows.len() as u64);
        let fresh: Vec<_> = expected.iter().map(|(key, pair)| (key.clone(), Some(pair.clone()))).collect();
        let fresh = edited(&Table::default(), &fresh);
        prop_assert_eq!(postcard::to_stdvec(&table).unwrap(), postcard::to_stdvec(&fresh).unwrap());
        let reader = TableReader::new(table.clone());
        for key in [0_u32, 1, 1500, 2999] {
            let key = format!("k{key:06}");
            prop_assert_eq!(table.get(&key, &order).unwrap(), expected.get(&key).cloned());
            // whichever blocks are kept
            for key in [key.as_str(), "k000001", "k002998", key.as_str()] {
                prop_assert_eq!(reader.get(key, &order).unwrap(), expected.get(key).cloned());
            }
        }
        let between: Vec<Pair> =
            expected.range("k000100".to_owned().."k001000".to_owned()).map(|(_, pair)| pair.clone()).collect();
        prop_assert_eq!(table.between(Some("k000100"), Some("k001000"), &order).unwrap(), between);
    }
}
