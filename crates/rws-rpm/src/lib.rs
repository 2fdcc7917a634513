#![doc = include_str!("../README.md")]

mod audit;
mod changelog;
mod checksum;
mod dependency;
mod evr;
mod fault;
mod file_name;
mod filelists;
mod files;
mod format;
mod header;
mod identity;
mod inspector;
mod integrity;
mod lead;
mod markup;
mod metadata;
mod other;
mod package;
mod package_relations;
mod placement;
mod primary;
mod published_names;
mod release_package;
mod repomd;
mod requires;
mod rich;
mod setup_files;
mod signing;
mod stream;
mod tag;
mod text;
mod types;
mod value;
mod version;

pub use format::Rpm;
