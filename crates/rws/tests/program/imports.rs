//! `rws import`: trees of other tools and plain directories. What clients see in the end is what they saw before.

mod resumed;
mod trees;
