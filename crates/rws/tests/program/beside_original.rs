//! The same requests to the original and to RWS: what they answer differs where CONTRACT.md, part 1, says so, and nowhere else.

mod requests;
mod turns;

use std::collections::BTreeMap;

use crate::support::curl::Answer;
use crate::support::original_service::Both;
use requests::{Expected, Row};

/// At least so many requests are compared.
const ENOUGH: usize = 100;

/// What an answer says: its status, and the message of JSON, the links of a page, or the size of a file.
fn said(answer: &Answer) -> String {
    let status = answer.status;
    let text = answer.text();
    if let Ok(json) = serde_json::from_slice::<serde_json::Value>(&answer.body)
        && let Some(message) = json["message"].as_str()
    {
        return format!("{status} {}", sorted_extensions(message));
    }
    if text.contains("directory.png") || text.contains("file.png") {
        let mut links: Vec<&str> = text.split("<a href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        links.retain(|link| !link.contains("/dists") && !link.contains("/repodata"));
        return format!("{status} page {}", links.join(" "));
    }
    match answer.header("allow") {
        Some(allow) => {
            let mut methods: Vec<&str> = allow.split(',').map(str::trim).collect();
            methods.sort_unstable();
            format!("{status} {}", methods.join(" "))
        }
        None if text.contains("<html") || text.contains("<!doctype") || text.contains("<!DOCTYPE") => {
            format!("{status} page")
        }
        None if text == "Unauthorized Access" => format!("{status} {text}"),
        None => format!("{status} {} bytes", answer.body.len()),
    }
}

/// What the original says, with the slips mended that the contract names.
fn mended(said: &str) -> String {
    said.replace("\"\" is", "\" is")
        .replace("place  package", "place package")
        .replace("doesn't exists", "doesn't exist")
}

/// The original lists the extensions in an order of its own at each start.
fn sorted_extensions(message: &str) -> String {
    let Some((before, list)) = message.split_once("extensions: ") else { return message.to_owned() };
    let mut list: Vec<&str> = list.split(", ").collect();
    list.sort_unstable();
    format!("{before}extensions: {}", list.join(", "))
}

#[test]
fn differences_are_those_of_the_contract() {
    let both = Both::start(requests::anchors());
    let rows = requests::rows();
    let count = rows.len();
    assert!(count >= ENOUGH, "{count} requests");
    let mut wrong = Vec::new();
    let mut differences: BTreeMap<&str, usize> = BTreeMap::new();
    for Row { name, request, expected } in rows {
        let original = mended(&said(&request.send(&both.original)));
        let rws = said(&request.send(&both.rws));
        let holds = match expected {
            Expected::Same => original == rws,
            Expected::Differs { contract, original: by_original, rws: by_rws } => {
                *differences.entry(contract).or_default() += 1;
                original != rws && original.starts_with(by_original) && rws.starts_with(by_rws)
            }
        };
        if !holds {
            wrong.push(format!("- {name}: {expected:?}\n    original: {original}\n    RWS:      {rws}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {count} rows do not hold:\n{}", wrong.len(), wrong.join("\n"));
    println!("{count} requests; those that differ, by the row of the contract: {differences:#?}");
}
