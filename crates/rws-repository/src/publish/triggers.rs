//! Why a repository is reconciled.

/// One reason to reconcile a repository, beside what is pending there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// Somebody asks to compare the store with the index.
    Synchronise,
    /// Make the indexes anew from the packages in the store, as if there were none.
    Rebuild,
    /// The program starts: publish anew when settings or keys are others than those of the head, and look at the public files even
    /// when nothing is published.
    Start,
    /// Look for what publishers left that died.
    CleanUp,
    /// Publish an empty generation where there is nothing yet.
    Create,
}

/// A set of reasons. Whatever is in it, what is pending is published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Triggers(u8);

impl Triggers {
    /// Only what is pending.
    pub const NONE: Self = Self(0);

    /// The set of these.
    pub const fn of(triggers: &[Trigger]) -> Self {
        let (mut set, mut position) = (0, 0);
        while position < triggers.len() {
            set |= 1 << triggers[position] as u8;
            position += 1;
        }
        Self(set)
    }

    /// Whether a reason is among them.
    pub const fn has(self, trigger: Trigger) -> bool {
        self.0 & (1 << trigger as u8) != 0
    }

    /// The reasons of both sets.
    #[must_use]
    pub fn and(self, other: impl Into<Self>) -> Self {
        Self(self.0 | other.into().0)
    }

    /// The same with one more, where a condition holds.
    #[must_use]
    pub fn and_if(self, holds: bool, trigger: Trigger) -> Self {
        if holds { self.and(trigger) } else { self }
    }
}

impl From<Trigger> for Triggers {
    fn from(trigger: Trigger) -> Self {
        Self::of(&[trigger])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_into_it() {
        use Trigger::{CleanUp, Create, Rebuild, Start, Synchronise};
        let all = [Synchronise, Rebuild, Start, CleanUp, Create];
        for one in all {
            assert!(!Triggers::NONE.has(one));
            for other in all {
                assert_eq!(Triggers::from(one).has(other), one == other);
                assert!(Triggers::from(one).and(other).has(one) && Triggers::of(&[one]).and_if(true, other).has(other));
            }
        }
        assert_eq!(Triggers::of(&all).and(Start), Triggers::of(&all));
    }
}
