//! The Hugging Face hub, or a mirror that speaks its protocol.

use super::download::download;
use super::{FetchError, Job, Wanted, WantedFile};

/// Where the hub is, unless `HF_ENDPOINT` says otherwise.
const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

/// Fetches the missing files; gives the origin for the manifest.
pub(super) fn fetch(
    wanted: &Wanted,
    missing: &[WantedFile],
    job: &mut Job<'_>,
) -> Result<String, FetchError> {
    fetch_from(&endpoint(), wanted, missing, job)
}

/// [`fetch`], from the given endpoint.
pub(super) fn fetch_from(
    endpoint: &str,
    wanted: &Wanted,
    missing: &[WantedFile],
    job: &mut Job<'_>,
) -> Result<String, FetchError> {
    // Small files first: where the source does not answer, that is known before the large one.
    let mut files: Vec<&WantedFile> = missing.iter().collect();
    files.sort_by_key(|file| file.size_bytes);
    for file in files {
        download(&file_url(endpoint, wanted, &file.name), file, job)?;
    }
    Ok(format!("hub:{}", wanted.repository))
}

/// Where the hub is, for this process.
pub(super) fn endpoint() -> String {
    endpoint_of(std::env::var("HF_ENDPOINT").ok())
}

fn endpoint_of(variable: Option<String>) -> String {
    variable
        .filter(|value| !value.trim().is_empty())
        .map_or_else(
            || DEFAULT_ENDPOINT.to_owned(),
            |value| value.trim().trim_end_matches('/').to_owned(),
        )
}

/// Of one commit, not of a branch: whatever is uploaded later, the pinned files stay there.
fn file_url(endpoint: &str, wanted: &Wanted, file: &str) -> String {
    format!(
        "{endpoint}/{}/resolve/{}/{file}",
        wanted.repository, wanted.revision
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoint_comes_from_the_variable_without_its_last_slash() {
        assert_eq!(
            endpoint_of(Some("http://127.0.0.1:1/ ".to_owned())),
            "http://127.0.0.1:1"
        );
        assert_eq!(endpoint_of(Some(String::new())), DEFAULT_ENDPOINT);
        assert_eq!(endpoint_of(None), DEFAULT_ENDPOINT);
    }
}
