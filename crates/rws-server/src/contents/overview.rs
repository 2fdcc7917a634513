//! The targets that have something to show, with the states of their repositories.

use std::collections::BTreeMap;
use std::sync::Arc;

use rws_model::Target;

use crate::access::Reader;
use crate::answer::Problem;
use crate::gate::ReadableContents;
use crate::own;
use crate::schema::RepositoryState;
use crate::service::Service;

/// A target with published repositories.
pub struct TargetOverview {
    /// The target.
    pub target: Target,
    /// When one of them was published last, in seconds since 1970.
    pub published_at: i64,
    /// The state that needs somebody most.
    pub state: RepositoryState,
    /// Whether not everybody may read it.
    pub is_private: bool,
}

/// The targets with published repositories that this one may read, by kind, then the newest series first.
///
/// # Errors
///
/// When the store fails.
pub async fn targets(service: &Arc<Service>, reader: &Reader) -> Result<Vec<TargetOverview>, Problem> {
    let contents = service.gate.readable_contents(reader).await?;
    let mut targets: BTreeMap<Target, Vec<ReadableContents>> = BTreeMap::new();
    for one in contents {
        targets.entry(one.target().target.clone()).or_default().push(one);
    }
    let mut overviews: Vec<TargetOverview> =
        targets.into_iter().map(|(target, contents)| of_target(service, reader, target, &contents)).collect();
    overviews.sort_by(|left, right| {
        let series = natural(&right.target.series, &left.target.series);
        let (left, right) = (&left.target, &right.target);
        left.kind
            .cmp(&right.kind)
            .then(series)
            .then_with(|| left.distribution.cmp(&right.distribution))
            .then_with(|| natural(&right.version, &left.version))
    });
    Ok(overviews)
}

/// What the published repositories of a target say together.
pub fn of_target(service: &Service, reader: &Reader, target: Target, contents: &[ReadableContents]) -> TargetOverview {
    let (failing, comparing) = (own::failing(service, reader), own::comparing(service, reader));
    let is_one_of = |has: &dyn Fn(&str) -> bool| contents.iter().any(|one| has(one.published().repository.as_str()));
    let state = if is_one_of(&|name| failing.contains_key(name)) {
        RepositoryState::Failing
    } else if is_one_of(&|name| comparing.contains_key(name)) {
        RepositoryState::Comparing
    } else {
        RepositoryState::Published
    };
    TargetOverview {
        target,
        published_at: contents.iter().map(|one| one.published().published_at).max().unwrap_or_default(),
        state,
        is_private: contents.iter().any(ReadableContents::is_private),
    }
}

/// The order of names with numbers in them, as people read them: `2.9` before `2.10`.
fn natural(left: &str, right: &str) -> std::cmp::Ordering {
    let pieces = |text: &str| {
        let mut pieces: Vec<(u64, String)> = Vec::new();
        for character in text.chars() {
            let starts = |piece: &(u64, String)| {
                let last = piece.1.chars().next_back();
                last.is_some_and(|last| last.is_ascii_digit() != character.is_ascii_digit())
            };
            match pieces.last_mut() {
                Some(piece) if !starts(piece) => piece.1.push(character),
                _ => pieces.push((0, character.to_string())),
            }
        }
        for piece in &mut pieces {
            if let Ok(number) = piece.1.parse() {
                *piece = (number, String::new());
            }
        }
        pieces
    };
    pieces(left).cmp(&pieces(right)).then_with(|| left.cmp(right))
}

#[cfg(test)]
mod tests {
    use super::natural;

    #[test]
    fn numbers_are_compared_as_numbers() {
        let mut names = ["2.10", "series-3", "2.9", "series-10", "2", "focal", "2.9~a"];
        names.sort_by(|left, right| natural(left, right));
        assert_eq!(names, ["focal", "series-3", "series-10", "2", "2.9", "2.9~a", "2.10"]);
    }
}
