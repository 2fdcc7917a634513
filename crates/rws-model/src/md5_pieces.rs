//! MD5 (RFC 1321) of a stream and of each of its pieces, in one pass.
//!
//! Every step of MD5 waits for the step before, so that most of the processor idles. Two computations over the same bytes
//! take turns here: both together take a sixth to a half longer than one (measured: 0.87 s against 0.74 s for 500 MB, 1.19 s
//! against 0.80 s for 350 MB on another processor), one after the other twice as long.

const BLOCK_BYTES: usize = 64;

/// The digest of nothing yet (section 3.3).
const START: State = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// How far each step rotates, by round (section 3.4).
const ROTATIONS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];

/// The constant of each step: the first 32 bits of the fraction of |sin(step)| (section 3.4).
#[rustfmt::skip]
const SINES: [u32; 64] = [
    0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
    0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
    0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
    0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
    0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
    0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
    0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
    0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
];

type State = [u32; 4];

/// Computes the MD5 of bytes that stream past, and of each whole piece of them.
#[derive(Clone)]
pub struct Md5Pieces {
    /// Of the whole, and of the current piece.
    states: [State; 2],
    rest: [u8; BLOCK_BYTES],
    rest_bytes: usize,
    /// How many bytes went into the states.
    done_bytes: u64,
    piece_bytes: u64,
    pieces: Vec<[u8; 16]>,
}

impl Md5Pieces {
    /// Has seen nothing; `piece_bytes` is rounded up to a multiple of 64.
    pub fn new(piece_bytes: u64) -> Self {
        let piece_bytes = piece_bytes.max(1).next_multiple_of(BLOCK_BYTES as u64);
        let rest = [0; BLOCK_BYTES];
        Self { states: [START; 2], rest, rest_bytes: 0, done_bytes: 0, piece_bytes, pieces: Vec::new() }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, mut bytes: &[u8]) {
        if self.rest_bytes > 0 {
            let (added, after) = bytes.split_at(bytes.len().min(BLOCK_BYTES - self.rest_bytes));
            self.rest[self.rest_bytes..self.rest_bytes + added.len()].copy_from_slice(added);
            self.rest_bytes += added.len();
            bytes = after;
            if self.rest_bytes < BLOCK_BYTES {
                return;
            }
            let block = self.rest;
            self.blocks(&block);
        }
        let (whole, rest) = bytes.split_at(bytes.len() - bytes.len() % BLOCK_BYTES);
        self.blocks(whole);
        self.rest[..rest.len()].copy_from_slice(rest);
        self.rest_bytes = rest.len();
    }

    /// The digests of the pieces that have come wholly since this was asked last.
    pub fn take_pieces(&mut self) -> Vec<[u8; 16]> {
        std::mem::take(&mut self.pieces)
    }

    /// The digest of all.
    pub fn finish(self) -> [u8; 16] {
        ended(self.states[0], &self.rest[..self.rest_bytes], self.done_bytes + self.rest_bytes as u64)
    }

    fn blocks(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let left = self.piece_bytes - self.done_bytes % self.piece_bytes;
            let (piece, after) = bytes.split_at(bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
            if self.done_bytes < self.piece_bytes {
                // the first piece begins as the whole does: most files are no longer than it
                let [whole, first] = &mut self.states;
                compress(std::array::from_mut(whole), piece);
                *first = *whole;
            } else {
                compress(&mut self.states, piece);
            }
            self.done_bytes += piece.len() as u64;
            bytes = after;
            if self.done_bytes.is_multiple_of(self.piece_bytes) {
                self.pieces.push(ended(self.states[1], &[], self.piece_bytes));
                self.states[1] = START;
            }
        }
    }
}

/// The digest after `rest`, less than a block, which ends a message of so many bytes (sections 3.1, 3.2 and 3.5).
fn ended(state: State, rest: &[u8], message_bytes: u64) -> [u8; 16] {
    let mut padded = rest.to_vec();
    padded.push(0x80);
    padded.resize((rest.len() + 9).next_multiple_of(BLOCK_BYTES) - 8, 0);
    padded.extend_from_slice(&message_bytes.wrapping_mul(8).to_le_bytes());
    let mut states = [state];
    compress(&mut states, &padded);
    let mut digest = [0; 16];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(states[0]) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    digest
}

/// Takes whole blocks into all states (section 3.4).
fn compress<const COUNT: usize>(states: &mut [State; COUNT], blocks: &[u8]) {
    for block in blocks.chunks_exact(BLOCK_BYTES) {
        let mut words = [0; 16];
        for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
            *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        let before = *states;
        round::<0, COUNT>(states, &words, |step| step, |b, c, d| d ^ (b & (c ^ d)));
        round::<1, COUNT>(states, &words, |step| 5 * step + 1, |b, c, d| (d & b).wrapping_add(!d & c));
        round::<2, COUNT>(states, &words, |step| 3 * step + 5, |b, c, d| b ^ c ^ d);
        round::<3, COUNT>(states, &words, |step| 7 * step, |b, c, d| c ^ (b | !d));
        for (state, before) in states.iter_mut().zip(before) {
            for (word, before) in state.iter_mut().zip(before) {
                *word = word.wrapping_add(before);
            }
        }
    }
}

#[inline(always)]
fn round<const ROUND: usize, const COUNT: usize>(
    states: &mut [State; COUNT],
    words: &[u32; 16],
    word_of: impl Fn(usize) -> usize,
    mix: impl Fn(u32, u32, u32) -> u32,
) {
    for step in 0..16 {
        let added = words[word_of(step) % 16].wrapping_add(SINES[ROUND * 16 + step]);
        for state in states.iter_mut() {
            let [a, b, c, d] = *state;
            let sum = a.wrapping_add(mix(b, c, d)).wrapping_add(added);
            *state = [d, sum.rotate_left(ROTATIONS[ROUND][step % 4]).wrapping_add(b), b, c];
        }
    }
}

#[cfg(test)]
mod tests {
    use md5::{Digest, Md5};

    use super::*;

    #[test]
    fn the_whole_and_its_pieces_are_what_another_implementation_says() {
        let bytes: Vec<u8> = (0..1000_u32).map(|number| ((number * number) >> 3) as u8).collect();
        for length in (0..bytes.len()).step_by(7).chain([55, 56, 63, 64, 65, 128, 256, 1000]) {
            let bytes = &bytes[..length];
            for step in [1, 3, 63, 64, 65, 200, 1000] {
                let mut digester = Md5Pieces::new(128);
                let mut pieces = Vec::new();
                for part in bytes.chunks(step) {
                    digester.update(part);
                    pieces.extend(digester.take_pieces());
                }
                let expected: Vec<[u8; 16]> = bytes.chunks_exact(128).map(|piece| Md5::digest(piece).into()).collect();
                assert_eq!(pieces, expected, "{length} bytes by {step}");
                assert_eq!(digester.finish(), <[u8; 16]>::from(Md5::digest(bytes)), "{length} bytes by {step}");
            }
        }
    }
}
