//! The page of what monitoring sees: every metric, and every request that the audit log notes.

use crate::{HEAD, cell, code};
use flashdb_command::Audit;
use flashdb_server::command_registry;
use flashdb_server::metrics::{Described, described};

/// `METRICS.md`.
pub fn page() -> String {
    let (own, exporter): (Vec<Described>, Vec<Described>) =
        described().partition(|metric| metric.name.starts_with("flashdb_"));
    [
        HEAD,
        "\n# Metrics and audit\n\n[OBSERVABILITY.md](OBSERVABILITY.md) says how to use them.\n",
        "\n## Metrics under names of FlashDB's own\n\n",
        &table(&own),
        "\n## Metrics under the names of redis_exporter\n\n",
        &table(&exporter),
        "\n## Requests in the audit log\n\n",
        &audited(),
    ]
    .concat()
}

fn table(metrics: &[Described]) -> String {
    let mut out = String::from("| Metric | Type | Labels | What |\n|---|---|---|---|\n");
    for metric in metrics {
        let labels: Vec<String> = metric.labels.iter().map(|label| code(label)).collect();
        out.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            code(metric.name),
            metric.kind.name(),
            labels.join(", "),
            cell(metric.help)
        ));
    }
    out
}

fn audited() -> String {
    let mut out = String::from("| Request | Shown |\n|---|---|\n");
    let registry = command_registry();
    for command in registry.all() {
        let shown = match command.spec.audit {
            Audit::No => continue,
            Audit::Words => "all words but secrets".to_owned(),
            Audit::With(word) => format!("with `{word}`: all words"),
            Audit::Head(words) => format!("the first {words} words"),
            Audit::FirstPart => "of the first part only: the first 2 words".to_owned(),
            Audit::FirstPartAnd(words) => {
                let words: Vec<String> = words.iter().map(|word| code(word)).collect();
                format!(
                    "of the first part: the first 2 words; with {}: all words",
                    words.join(" or ")
                )
            }
        };
        let name = command.spec.full_name().replace('|', " ").to_uppercase();
        out.push_str(&format!("| {} | {shown} |\n", code(&name)));
    }
    out
}
