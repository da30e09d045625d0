//! What is wrong with settings that only this interface can judge: it knows what a certificate is. Asked for CONFIG SET before the new
//! value counts, so that a file that is not there is found by who names it and not by the first alert; and when the server starts,
//! where it is a warning: data is served whatever becomes of alerts.

use crate::alerts;
use flashdb_config::Settings;
use std::path::Path;

/// Whether these settings are in order. The server starts with others, too.
///
/// # Errors
/// Which setting is wrong, which file it names, and why.
pub fn check_settings(settings: &Settings) -> Result<(), String> {
    alerts::check_ca_file(settings)
}

/// As [`check_settings`], where one setting has changed.
///
/// # Errors
/// As there.
pub fn check_setting(name: &str, settings: &Settings) -> Result<(), String> {
    let is_concerned = match name {
        "alert-webhook-ca-file" => true,
        // It says where the file is.
        "dir" => Path::new(&settings.alert_webhook_ca_file).is_relative(),
        _ => false,
    };
    match is_concerned {
        true => alerts::check_ca_file(settings),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_looked_at_where_it_may_have_become_another_one() {
        let settings = |file: &str| Settings {
            alert_webhook_ca_file: file.to_owned(),
            dir: "/nowhere".into(),
            ..Settings::default()
        };
        assert_eq!(check_settings(&settings("")), Ok(()));
        assert_eq!(check_setting("dir", &settings("")), Ok(()));
        for file in ["ca.pem", "/nowhere/ca.pem"] {
            let fault = check_settings(&settings(file)).expect_err("no file");
            assert!(
                fault.starts_with("alert-webhook-ca-file /nowhere/ca.pem: No such file"),
                "{fault}"
            );
            assert_eq!(
                check_setting("alert-webhook-ca-file", &settings(file)),
                Err(fault)
            );
            assert_eq!(check_setting("port", &settings(file)), Ok(()));
        }
        assert!(check_setting("dir", &settings("ca.pem")).is_err());
        assert_eq!(check_setting("dir", &settings("/nowhere/ca.pem")), Ok(()));
    }
}
