//! TLS towards webhooks: who is trusted, and what is said of an address that is not.
//!
//! Trusted is what the system trusts (`SSL_CERT_FILE` and `SSL_CERT_DIR` name other files, as for OpenSSL), and what the setting
//! `alert-webhook-ca-file` names besides. That file is looked at when it is named, at the start, where a fault is a warning, or by CONFIG SET, where it is refused. Certificates are
//! read anew for each post: it is rare, and a file that was replaced counts at once. The cipher suites are those of ring, from TLS 1.2 on; a certificate is always verified, and there is no setting against it.

use rustls::client::Resumption;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Bytes of the file with certificates; those that browsers trust are a quarter of it.
const CA_FILE_BYTES_MAX: u64 = 1 << 20;

/// What a connection is to be held against.
///
/// # Errors
/// Why nobody can be trusted.
pub(super) async fn config(ca_file: Option<PathBuf>) -> Result<Arc<ClientConfig>, String> {
    // Files are read: not on a thread that serves pages.
    let roots = tokio::task::spawn_blocking(move || roots(ca_file.as_deref()));
    let roots = roots.await.map_err(|error| error.to_string())??;
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // The next connection has a configuration of its own.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    // What of the system's cannot be read is of no use; that there is none at all is told below.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = ca_file {
        add_own(&mut roots, file)?;
    }
    if roots.is_empty() {
        return Err(
            "this system trusts no authority: install its CA certificates, or set alert-webhook-ca-file"
                .into(),
        );
    }
    Ok(roots)
}

/// Whether a file has what is looked for there.
///
/// # Errors
/// Why not, with the setting and the file.
pub(super) fn check(file: &Path) -> Result<(), String> {
    add_own(&mut RootCertStore::empty(), file)
}

fn add_own(roots: &mut RootCertStore, file: &Path) -> Result<(), String> {
    add(roots, file).map_err(|why| format!("alert-webhook-ca-file {}: {why}", file.display()))
}

fn add(roots: &mut RootCertStore, file: &Path) -> Result<(), String> {
    let text = read(file).map_err(|error| error.to_string())?;
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(&text) {
        // Neither error says what is in the file, which may be any.
        let certificate = certificate.map_err(|_| "it is not in PEM")?;
        roots
            .add(certificate)
            .map_err(|_| "a certificate in it cannot be read")?;
        count += 1;
    }
    match count {
        0 => Err("there is no certificate in it, as PEM".into()),
        _ => Ok(()),
    }
}

/// A file, and no pipe that would be waited for.
fn read(file: &Path) -> io::Result<Vec<u8>> {
    let about = fs::metadata(file)?;
    if !about.is_file() || about.len() > CA_FILE_BYTES_MAX {
        return Err(io::Error::other("it is no file of at most 1 MiB"));
    }
    let mut text = Vec::new();
    File::open(file)?.take(CA_FILE_BYTES_MAX).read_to_end(&mut text)?;
    Ok(text)
}

/// Begins TLS with a host, whose certificate has to name it.
///
/// # Errors
/// Why it is not trusted, or what else failed.
pub(super) async fn handshake(
    config: Arc<ClientConfig>,
    host: &str,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, String> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| "no certificate can be for a host of this name".to_owned())?;
    let connector = TlsConnector::from(config);
    connector
        .connect(name, stream)
        .await
        .map_err(|error| fault_of(&error))
}

/// What failed, for who runs the receiver.
fn fault_of(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(rustls::Error::InvalidCertificate(why)) => fault_of_certificate(why),
        Some(rustls::Error::InvalidMessage(_)) => "it does not speak TLS".into(),
        Some(error) => format!("TLS failed: {error}"),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            "it closed the connection in the TLS handshake".into()
        }
        None => error.to_string(),
    }
}

fn fault_of_certificate(why: &CertificateError) -> String {
    use CertificateError as Why;
    match why {
        Why::UnknownIssuer => {
            "its certificate is by nobody that is trusted here; alert-webhook-ca-file names further authorities".into()
        }
        Why::Expired | Why::ExpiredContext { .. } => "its certificate has expired".into(),
        Why::NotValidYet | Why::NotValidYetContext { .. } => "its certificate is not valid yet".into(),
        Why::NotValidForName | Why::NotValidForNameContext { .. } => {
            "its certificate is for another name than that of the address".into()
        }
        // The verifier's own words, which have no type here.
        Why::Other(other) if other.0.to_string() == "CaUsedAsEndEntity" => {
            "its certificate is that of an authority: have it sign one for the receiver (for openssl req -x509, add basicConstraints=CA:FALSE)".into()
        }
        other => format!("its certificate is refused: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_told_and_not_shown() {
        let folder = std::env::temp_dir().join(format!("flashdb-tls-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("ca.pem");
        let fault = |text: &str| {
            fs::write(&file, text).expect("a file");
            roots(Some(&file)).expect_err("no certificate")
        };
        assert!(fault("").contains("there is no certificate in it"));
        assert!(fault("root:x:0:0:s3cret\n").contains("there is no certificate in it"));
        let broken = fault("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        assert!(broken.contains("cannot be read"), "{broken}");
        let cut = fault("-----BEGIN CERTIFICATE-----\ns3cret");
        assert!(!cut.contains("s3cret"), "{cut}");
        assert!(fault(&"x".repeat(2 << 20)).contains("1 MiB"));
        let missing = roots(Some(&folder.join("none"))).expect_err("no file");
        assert!(missing.contains("No such file"), "{missing}");
        let no_file = roots(Some(&folder)).expect_err("a folder");
        assert!(no_file.contains("1 MiB"), "{no_file}");
        fs::remove_dir_all(&folder).expect("an own folder");
    }
}
