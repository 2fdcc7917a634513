//! The name of the product, which is a directory of the pool.

use rws_model::{FileName, ProductRule};

/// What is asked of it.
pub(crate) const RULE: ProductRule =
    ProductRule { example: ".../release/series-2/ubuntu/pool/focal/main/p/product_name/...", check };

/// It is one part of a path: a name like that of a file, without dots in a row.
fn check(product: &str) -> Result<(), String> {
    FileName::parse(product).map_err(|refusal| refusal.reason.replace("the file name", "it"))?;
    if product.contains("..") { Err("it has two dots in a row".to_owned()) } else { Ok(()) }
}
