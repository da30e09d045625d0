# Keeps schemathesis from locking itself out: what it makes up may be the own user, or a setting without which nothing
# else could be tried. Those requests are made about something else instead; nothing is left out.
import schemathesis

OWN_USERS = {"default", "tester"}
OWN_SETTINGS = {
    "bind",
    "client-query-buffer-limit",
    "http-hosts",
    "http-open",
    "maxmemory",
    "maxmemory-clients",
    "maxmemory-policy",
    "port",
    "proto-max-bulk-len",
    "requirepass",
}


@schemathesis.hook
def before_call(context, case, kwargs):
    if "/acl/users/" in case.path and case.method.upper() != "GET":
        if case.path_parameters and case.path_parameters.get("name") in OWN_USERS:
            case.path_parameters["name"] = "somebody"
    if case.path.endswith("/config") and isinstance(case.body, dict) and isinstance(case.body.get("set"), dict):
        settings = case.body["set"]
        for name in OWN_SETTINGS & settings.keys():
            settings["loglevel"] = settings.pop(name)
