//! What a run does with what it has found. Pure.

/// What is known of a repository once its next generation is planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// It has a head.
    pub(super) has_head: bool,
    /// Packages or files change.
    pub(super) changes: bool,
    /// The head states other settings or keys than the present ones, and the program starts.
    pub(super) settings_changed: bool,
    /// Another tool's root stands there, and the store was compared.
    pub(super) foreign_root: bool,
    /// The indexes are made anew.
    pub(super) is_rebuilt: bool,
    /// An empty generation is wanted where there is none.
    pub(super) wants_empty: bool,
    /// The root expires soon.
    pub(super) expires: bool,
    /// There are uploads that the head does not contain.
    pub(super) has_uploads: bool,
    /// The head can forget something.
    pub(super) can_trim: bool,
}

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// It commits a new generation.
    Publish,
    /// It commits a head with the same generation: that uploads change nothing is true of this head only.
    UpdateHead,
    /// The head stays as it is.
    KeepHead,
    /// There is no head, and nothing that would make one.
    NothingToPublish,
}

pub(super) fn decide(facts: &Facts) -> Decision {
    let Facts { settings_changed, foreign_root, is_rebuilt, wants_empty, expires, .. } = *facts;
    let publish = facts.changes || settings_changed || foreign_root || is_rebuilt || wants_empty || expires;
    match facts.has_head {
        _ if publish => Decision::Publish,
        true if facts.has_uploads || facts.can_trim => Decision::UpdateHead,
        true => Decision::KeepHead,
        false => Decision::NothingToPublish,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_decided() {
        use Decision::{KeepHead, NothingToPublish, Publish, UpdateHead};
        let none = Facts::default();
        let head = Facts { has_head: true, ..none };
        let table = [
            (none, NothingToPublish),
            (Facts { has_uploads: true, ..none }, NothingToPublish),
            (Facts { changes: true, ..none }, Publish),
            (Facts { wants_empty: true, ..none }, Publish),
            (Facts { foreign_root: true, ..none }, Publish),
            (Facts { is_rebuilt: true, ..none }, Publish),
            (head, KeepHead),
            (Facts { has_uploads: true, ..head }, UpdateHead),
            (Facts { can_trim: true, ..head }, UpdateHead),
            (Facts { changes: true, has_uploads: true, ..head }, Publish),
            (Facts { settings_changed: true, ..head }, Publish),
            (Facts { foreign_root: true, ..head }, Publish),
            (Facts { is_rebuilt: true, ..head }, Publish),
            (Facts { expires: true, can_trim: true, ..head }, Publish),
        ];
        for (facts, decision) in table {
            assert_eq!(decide(&facts), decision, "{facts:?}");
        }
    }
}
