//! All versions of a package in a repository.

use std::sync::Arc;

use axum::http::StatusCode;
use rws_model::{EntryTopic, PackageDescription};

use crate::access::Reader;
use crate::answer::{Answer, Problem, json};
use crate::gate::{ReadableContents, ReadablePackage};
use crate::path::encoded;
use crate::schema::{PackageFile, PackageVersion, PackageVersions, RepositoryPath, StoreProblems};
use crate::service::Service;

/// A package of a repository with what it says of itself.
pub struct DescribedPackage {
    /// What it says of itself.
    pub description: PackageDescription,
    /// What it says more than is read here.
    pub left_out: Vec<EntryTopic>,
}

/// All versions of a package in a repository.
#[utoipa::path(get, path = "/-/packages/{repository}/{name}", tag = "packages",
    params(RepositoryPath, ("name" = String, Path, description = "The name of the package.")),
    responses(
        (status = 200, description = "The versions.", body = PackageVersions),
        (status = 404, description = "There is no such repository, or it does not have the package.", body = Problem),
        StoreProblems,
    ))]
pub async fn get(service: &Arc<Service>, reader: &Reader, rest: &str) -> Result<Option<Answer>, Problem> {
    let Some((repository, name)) = rest.rsplit_once('/') else { return Ok(None) };
    let Some(contents) = service.gate.readable_published(reader, repository).await? else {
        let message = format!("There is no repository {repository}, or it was never published.");
        return Err(Problem::new(StatusCode::NOT_FOUND, "no-repository", message));
    };
    let packages = named(service, &contents, name).await?;
    let Some(newest) = packages.last() else {
        let message = format!("{repository} has no package {name}.");
        return Err(Problem::new(StatusCode::NOT_FOUND, "no-package", message)
            .with_hint("GET /-/search?q=NAME finds packages in all repositories"));
    };
    let summary = described(service, &contents, newest).await?.description.summary;
    let versions = packages.iter().rev().map(|package| version(reader, package)).collect();
    let versions = PackageVersions { repository: repository.to_owned(), name: name.to_owned(), summary, versions };
    Ok(Some(json(StatusCode::OK, &versions)))
}

/// A package as the API shows it.
pub fn version(reader: &Reader, package: &ReadablePackage) -> PackageVersion {
    let file = |(path, file): &(String, rws_model::RecordFile)| PackageFile {
        path: format!("{}/{}", reader.prefix(), encoded(path)),
        size: file.size_bytes,
        sha256: file.digests.sha256.hex(),
    };
    PackageVersion {
        version: package.name.version.clone(),
        architecture: package.name.architecture.clone(),
        files: package.files.iter().map(file).collect(),
        signed_by: package.signed_by().map(str::to_owned),
    }
}

/// The packages of a name in a repository: for most the older version first.
///
/// # Errors
///
/// When the store fails.
pub async fn named(
    service: &Service,
    contents: &ReadableContents,
    name: &str,
) -> Result<Vec<ReadablePackage>, Problem> {
    // each takes the memory of a manifest
    let _turn = service.budgets.listing_parts.acquire().await.ok();
    Ok(service.gate.packages_of(contents, name).await?)
}

/// What a package says of itself.
///
/// # Errors
///
/// When the store fails.
pub async fn described(
    service: &Service,
    contents: &ReadableContents,
    package: &ReadablePackage,
) -> Result<DescribedPackage, Problem> {
    let _turn = service.budgets.listing_parts.acquire().await.ok();
    let found = service.gate.entries_of(contents, package).await?;
    let description = contents.target().format.describe(&found.entries);
    Ok(DescribedPackage { description, left_out: found.left_out })
}
