//! The real program, started as a user starts it: judged by curl, apt, dnf, zypper, dput, and by what lies in its store.

mod abuse;
mod adoption;
mod beside_original;
mod bootstraps;
mod bucket;
mod bucket_readers;
mod clients_apt;
mod clients_dnf;
mod clients_dput;
mod clients_zypper;
mod clocks;
mod commands;
mod configuration;
mod contract;
mod forged_answers;
mod full_disk;
mod judges_rpm;
mod later_versions;
mod plain_directories;
mod real_archive;
mod replicas;
mod seed_examples;
mod settings_change;
mod support;
mod surroundings;
mod upkeep;
