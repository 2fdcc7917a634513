//! What all pages have around their content.

use super::Visit;

/// What stands around the content of a page.
pub struct Frame {
    pub title: String,
    pub site: String,
    pub prefix: String,
    pub version: &'static str,
    pub user: Option<String>,
    pub can_log_in: bool,
    /// The address of the operator's picture.
    pub icon: Option<String>,
    /// The address of the feed of the page.
    pub feed: Option<String>,
    pub has_search: bool,
    /// Whether search engines should leave it out.
    pub is_unlisted: bool,
    pub trail: Vec<Step>,
    pub current: Option<Part>,
}

/// A step on the way to a page.
pub struct Step {
    pub name: String,
    pub address: Option<String>,
}

/// A link with its text.
pub struct Link {
    pub name: String,
    pub address: String,
}

/// A part of the pages that all of them lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Repositories,
    Search,
    Keys,
    Status,
    Api,
}

/// A link of the navigation.
pub struct NavigationLink {
    pub name: &'static str,
    pub address: String,
    pub is_current: bool,
}

const PARTS: [(Part, &str, &str); 5] = [
    (Part::Repositories, "Repositories", ""),
    (Part::Search, "Search", "search"),
    (Part::Keys, "Keys", "keys"),
    (Part::Status, "Status", "status"),
    (Part::Api, "API", "api"),
];

impl Frame {
    /// The frame of a page.
    pub fn new(visit: &Visit<'_>, title: impl Into<String>, current: Option<Part>) -> Self {
        let (service, reader) = (visit.service, visit.reader);
        let pages = &service.settings.pages;
        let prefix = visit.prefix().to_owned();
        Self {
            title: title.into(),
            site: pages.name.clone(),
            version: service.version,
            // the name of a token in the path is no login of somebody
            user: reader.user().filter(|_| prefix.is_empty()).map(|user| user.name.clone()),
            can_log_in: prefix.is_empty() && reader.user().is_none() && reader.is_limited(),
            icon: pages.logo.as_ref().map(|_| format!("{prefix}/-/browse/logo")),
            feed: None,
            has_search: true,
            is_unlisted: false,
            trail: Vec::new(),
            current,
            prefix,
        }
    }

    /// The same with steps that lead to the page, all but the last with an address.
    #[must_use]
    pub fn with_trail(self, steps: Vec<Step>) -> Self {
        let first = Step { name: "Repositories".to_owned(), address: Some(format!("{}/-/browse/", self.prefix)) };
        Self { trail: [first].into_iter().chain(steps).collect(), ..self }
    }

    /// The same with a search field of the page's own.
    #[must_use]
    pub fn without_search(self) -> Self {
        Self { has_search: false, ..self }
    }

    /// The navigation.
    pub fn links(&self) -> Vec<NavigationLink> {
        let link = |(part, name, address): (Part, &'static str, &str)| NavigationLink {
            name,
            address: format!("{}/-/browse/{address}", self.prefix),
            is_current: self.current == Some(part),
        };
        PARTS.map(link).into_iter().collect()
    }
}

impl Step {
    /// A step with an address.
    pub fn to(name: impl Into<String>, address: impl Into<String>) -> Self {
        Self { name: name.into(), address: Some(address.into()) }
    }

    /// A step without one.
    pub fn at(name: impl Into<String>) -> Self {
        Self { name: name.into(), address: None }
    }
}
