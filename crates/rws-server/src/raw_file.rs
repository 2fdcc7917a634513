//! A single package that is the body itself, as `curl -T FILE /<target>/<name>?product=` sends it.
//!
//! The last part of the path says the name, as `filename` of a form does, and is read by the same rules: any plain name that ends
//! as packages do. Nothing of the package depends on it, so it need not be the canonical one.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::request::Parts;
use rws_model::{FileName, Formats};
use rws_repository::catalogue::ConfiguredTarget;

use crate::answer::Problem;
use crate::body::{Incoming, pieces};
use crate::form::{Destination, Form, content_type, file_name_of, skipped_warning};
use crate::gate::Gate;
use crate::path::query;
use crate::upload::{check_product, unfit};

/// The file of a request without a form.
pub struct RawFile {
    /// Its name, or what is said of one that is taken and not kept.
    name: Result<FileName, String>,
    product: Option<String>,
}

impl RawFile {
    /// The path of the targets and the name of the file; `None` for a request that does not send a single file.
    pub fn in_path<'p>(gate: &Gate, path: &'p str, headers: &HeaderMap) -> Option<(&'p str, &'p str)> {
        let is_multipart = content_type(headers).trim_start().to_ascii_lowercase().starts_with("multipart/");
        let (targets, name) = path.rsplit_once('/').filter(|(_, name)| !name.is_empty())?;
        (!is_multipart && !gate.is_of_targets(path) && gate.is_of_targets(targets)).then_some((targets, name))
    }

    /// Checks all that can be told before the body is read.
    ///
    /// # Errors
    ///
    /// What is wrong with the name or the product.
    pub fn new(
        name: &str,
        parts: &Parts,
        targets: &[Arc<ConfiguredTarget>],
        formats: &Formats,
    ) -> Result<Self, Problem> {
        // as it stands: a product has no blanks, and names such as libstdc++ have this sign
        let product = parts.uri.query().and_then(|text| query(Some(&text.replace('+', "%2B")), "product"));
        if let Some(warning) = skipped_warning(formats, targets, name) {
            return Ok(Self { name: Err(warning), product });
        }
        let Some(first) = targets.first() else { return Err(Problem::bad_request("path", "Invalid URL.")) };
        let name = file_name_of(name, &*first.format, formats)?;
        for target in targets {
            let missing = product.as_deref().unwrap_or_default().is_empty();
            check_product(product.as_deref(), &*target.format).map_err(|problem| match missing {
                true => problem.with_hint("Add ?product=NAME to the address"),
                false => problem,
            })?;
            if !target.format.accepts(&name) {
                return Err(unfit(name.as_str(), &*target.format));
            }
            if !target.format.stands_alone(&name) {
                let message = format!(
                    "{name} is not a package by itself: it names other files, or is one that another file names. RWS takes \
                     these files together, in one request."
                );
                return Err(Problem::bad_request("not-alone", message).of_file(name.as_str()).with_hint(
                    "Send them as fields of one form: curl --form NAME=@FILE; rws push finds what belongs together",
                ));
            }
        }
        Ok(Self { name: Ok(name), product })
    }

    /// Receives the file. What is read is the same as of a form that has this file and the product.
    ///
    /// # Errors
    ///
    /// What is wrong with the file or the body.
    pub async fn read(self, mut to: Destination<'_>, body: &mut Incoming) -> Result<Form, Problem> {
        let mut form = Form { product: self.product, ..Form::default() };
        match self.name {
            Ok(name) => form.files.push(to.receive(&name, pieces(body)).await?),
            Err(warning) => {
                while body.next().await?.is_some() {}
                form.skipped.push(warning);
            }
        }
        Ok(form)
    }
}
