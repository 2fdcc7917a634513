//! Who reads.

use std::sync::Arc;

use rws_model::Target;
use rws_repository::areas::Area;

use super::{Access, User};

/// Who reads, and what the configuration says of it.
#[derive(Clone)]
pub struct Reader {
    /// `None`: everything may be read.
    access: Option<Arc<Access>>,
    user: Option<Arc<User>>,
    /// What stands before the paths that this one asks for.
    prefix: Option<Arc<str>>,
}

impl Reader {
    /// Somebody; `None` for one who does not log in.
    pub fn new(access: Arc<Access>, user: Option<Arc<User>>) -> Self {
        Self { access: Some(access).filter(|access| access.rules().have_private()), user, prefix: None }
    }

    /// RWS itself, which reads everything.
    pub fn itself() -> Self {
        Self { access: None, user: None, prefix: None }
    }

    /// The same, who asks for paths with this before them.
    #[must_use]
    pub fn through(self, prefix: String) -> Self {
        Self { prefix: Some(prefix.into()), ..self }
    }

    /// What stands before the paths that this one asks for: in answers, too.
    pub fn prefix(&self) -> &str {
        self.prefix.as_deref().unwrap_or_default()
    }

    /// The user; `None` for one who is not logged in.
    pub fn user(&self) -> Option<&User> {
        self.user.as_deref()
    }

    /// Whether there is anything that this one may not read.
    pub fn is_limited(&self) -> bool {
        let is_admin = self.user.as_ref().is_some_and(|user| user.is_admin);
        self.access.is_some() && !is_admin
    }

    /// Whether this one may read a target.
    pub fn may_read(&self, target: &Target) -> bool {
        self.access.as_ref().is_none_or(|access| access.may_read(self.user(), target))
    }

    /// Whether this one may know of what is at a path, which belongs to this. Of a directory above those of targets everybody knows
    /// who may read one of them, and sees those of its entries that lead there.
    pub fn may_see(&self, path: &str, area: &Area<'_>) -> bool {
        let Some(access) = &self.access else { return true };
        match area {
            Area::Of(target) => self.may_read(&target.target),
            Area::Above(targets) => targets.iter().any(|target| self.may_read(&target.target)),
            // nobody said who may read it: whoever may read all that is beside it
            Area::Beside(targets) => match access.rules().readers_beside(path) {
                Some(readers) => Access::may_read_beside(self.user(), readers),
                None => targets.iter().all(|target| self.may_read(&target.target)),
            },
        }
    }

    /// Whether there may be something below a path that this one may see, and this one may not know of it.
    pub fn sees_a_part(&self, path: &str, area: &Area<'_>) -> bool {
        let Some(access) = &self.access else { return false };
        match area {
            Area::Of(_) => false,
            Area::Above(_) => true,
            Area::Beside(_) => access.rules().tell_apart_below(path),
        }
    }

    /// Whether anybody else might see something else at a path: nobody may keep the answer for others.
    pub fn sees_its_own(&self, path: &str, area: &Area<'_>) -> bool {
        self.access.as_ref().is_some_and(|access| !access.rules().are_public(path, area))
    }
}
