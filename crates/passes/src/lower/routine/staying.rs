//! Groups that stay on their multiprocessors: each takes all columns of packed weights that its multiprocessor is to multiply,
//! and streams them through a ring in shared memory while it makes the row ready.

use super::products::{ROWS, STEP, tile_rows};
use crate::lower::Multiprocessors;
use tilewright_ir::thread::{AffineProducts, Ready};

/// How the columns are shared out where groups stay on their multiprocessors: evenly, and all at once.
pub(super) struct Staying {
    /// Blocks of columns of each product that a group takes.
    pub wide: usize,
    /// Rounds that a subgroup has under way.
    pub slots: usize,
    /// Weights of a column.
    pub depth: usize,
    /// 32-bit words of the ring.
    pub words: usize,
    /// Subgroups that make the row ready meanwhile.
    pub makers: usize,
}

/// The longest row that as many subgroups make ready in time as multiply. On an H200, products in a graph: 4096 columns of 14336
/// weights 71 % of copy by 12 that make the row ready beside 8 that multiply, 69 by 8, 71.5 by 20, 69 by 24. Of 14336 columns of 4096
/// weights 12 that multiply beside 8 reach 79 % instead of 73, but with 12 of either for all of its products a model of 8 billion
/// weights makes 615 tokens a second instead of 621.
const SHORT: usize = 8192;

impl Staying {
    /// Steps of a round: 256 bytes of each column.
    pub const STEPS: usize = 4;
    /// Subgroups that multiply.
    pub const SUBGROUPS: usize = 8;
    /// Zeros behind a row, which lanes read that have none of it.
    pub const ZEROS: usize = 4;
    /// 32-bit words behind these, where those that make it ready meet.
    pub const MEETING: usize = 4;

    /// For `products` of `columns`, each of `depth` weights of 4 bits; `None` where that is too few of either, where too many
    /// multiprocessors would have nothing to do, or where shared memory has no room for the row and a round of each subgroup.
    pub fn of(
        on: Multiprocessors,
        columns: usize,
        depth: usize,
        products: usize,
        group: usize,
    ) -> Option<Staying> {
        let blocks = columns.div_ceil(AffineProducts::COLUMNS);
        let wide = blocks.div_ceil(on.count);
        let busy = blocks * 8 >= wide * on.count * 7;
        let width = wide * AffineProducts::COLUMNS;
        let long = columns.min(depth) >= on.least;
        // What is needed at the end is read by a thread a column.
        let makers = if depth <= SHORT { Self::SUBGROUPS } else { 12 };
        if !long || !busy || width > makers * 32 {
            return None;
        }
        let round = Self::STEPS * STEP;
        let len = depth.next_multiple_of(round);
        if len * Ready::BYTES > ROWS {
            return None;
        }
        let others = len * Ready::BYTES
            + (Self::ZEROS + Self::MEETING) * 4
            + len / group * Ready::SUMS * 4
            + products * width * (len / AffineProducts::UNIT + 2 * tile_rows(group)) * 4;
        // A column's weights, and what keeps the next one's from the same banks.
        let slot = AffineProducts::COLUMNS * (round / 2 + 64 + round / group * 4);
        let room = on.shared.checked_sub(others)? / (Self::SUBGROUPS * slot);
        let rounds = wide * products * depth.div_ceil(round);
        let slots = rounds.div_ceil(Self::SUBGROUPS).min(room);
        let words = Self::SUBGROUPS * slots * slot / 4;
        (slots > 0).then_some(Staying { wide, slots, depth, words, makers })
    }
}
