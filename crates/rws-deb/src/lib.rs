#![doc = include_str!("../README.md")]

mod ar;
mod architecture;
mod audit;
mod binary_package;
mod changelog;
mod changes;
mod clear_text;
mod component;
mod contents;
mod control;
mod control_member;
mod data_files;
mod debug;
mod description;
mod dsc;
mod fault;
mod field_order;
mod field_syntax;
mod file_kind;
mod file_list;
mod file_names;
mod format;
mod identity;
mod install_ways;
mod layout;
mod maintainer_files;
mod metadata;
mod package_file_name;
mod package_relations;
mod packages;
mod part;
mod phasing;
mod product;
mod published_names;
mod relations;
mod release;
mod release_package;
mod setup_files;
mod sources;
mod stanza;
mod translation;
mod upload;
mod version;

pub use format::Deb;

/// The version of the code that renders entries: raised whenever the same package would get other bytes.
const RENDERER: u32 = 1;
