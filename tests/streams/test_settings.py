"""Settings are read once, checked together, and never show a secret."""

import shutil
import ssl
import subprocess
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from streams import settings as settings_module
from streams.embedded import RunningInstance
from streams.errors import ExitCode, UserError
from streams.settings import Settings, describe, known_variables, load_settings

SERVERS = {"KAFKA_BOOTSTRAP_SERVERS": "a:9092, b:9092", "REDIS_URL": "redis://store:6379/0"}
SASL = {
    "KAFKA_SECURITY_PROTOCOL": "sasl_ssl",
    "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "KAFKA_SASL_USERNAME": "worker",
    "KAFKA_SASL_PASSWORD": "open sesame",
}


@pytest.fixture(autouse=True)
def _no_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """A demo that happens to run on this machine is not found."""
    monkeypatch.setattr(settings_module, "find_running", lambda: None)


def problems(environ: dict[str, str]) -> str:
    """Return what is said about these variables, which must be wrong."""
    with pytest.raises(UserError) as raised:
        load_settings(SERVERS | environ)
    assert raised.value.exit_code is ExitCode.USAGE
    return raised.value.message


def test_two_addresses_are_enough() -> None:
    """Everything but the two servers has a default."""
    settings = load_settings(SERVERS)
    assert settings.bootstrap_servers == "a:9092,b:9092"
    assert (settings.port, settings.group, settings.partitions) == (6066, "manyi", 8)
    assert settings.kafka_clients() == {
        "bootstrap_servers": "a:9092,b:9092",
        "security_protocol": "PLAINTEXT",
    }
    assert not settings.embedded


def test_an_empty_variable_counts_as_not_set() -> None:
    """Compose files leave a setting out by an empty value; the default holds then."""
    assert load_settings(SERVERS | {"MANYI_PORT": "", "MANYI_POLICY": " "}) == load_settings(
        SERVERS
    )


def test_values_are_read_as_what_they_are() -> None:
    """Numbers, switches, zones, regions and lists come out typed."""
    settings = load_settings(
        SERVERS
        | {
            "MANYI_TIMEZONE": "Asia/Shanghai",
            "MANYI_REGION": "cn",
            "MANYI_ALERTS": "off",
            "MANYI_REPLICATION": "3",
            "MANYI_ALERTMANAGER_URLS": "http://one:9093/, https://two:9093",
        }
    )
    assert settings.timezone == ZoneInfo("Asia/Shanghai")
    assert settings.default_region == "CN"
    assert settings.alerts is False
    assert settings.replication == 3
    assert settings.alertmanager_urls == ("http://one:9093", "https://two:9093")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka", "'kafka' is not host:port"),
        ("KAFKA_BOOTSTRAP_SERVERS", ",", "names no server"),
        ("REDIS_URL", "http://store", "starts with redis:// or rediss:// or unix://"),
        ("MANYI_PORT", "70000", "70000 is not from 1 to 65535"),
        ("MANYI_PORT", "tcp://10.0.0.1:6066", "enableServiceLinks"),
        ("MANYI_PARTITIONS", "many", "'many' is not a whole number"),
        ("MANYI_ALERTS", "yes", "'yes' is neither on nor off"),
        ("MANYI_TIMEZONE", "Beijing", "'Beijing' is not a time zone"),
        ("MANYI_TIMEZONE", "../etc/passwd", "is not a time zone"),
        ("MANYI_REGION", "ZZ", "'ZZ' is not a region"),
        ("MANYI_POLICY", "/absent/policy.yaml", "/absent/policy.yaml cannot be read"),
        ("MANYI_DATA_DIR", "/dev/null", "/dev/null is not a directory"),
        ("MANYI_GROUP", "a b", "'a b' is not 1 to 200 letters"),
        ("MANYI_LOG_LEVEL", "loud", "'loud' is none of debug, info"),
        ("MANYI_PARTITONS", "3", "did you mean MANYI_PARTITIONS?"),
    ],
)
def test_a_wrong_value_is_told_by_name(name: str, value: str, expected: str) -> None:
    """The message names the variable and what was expected of it."""
    said = problems({name: value})
    assert name in said
    assert expected in said


def test_all_mistakes_are_told_at_once() -> None:
    """Whoever sets things up need not start three times to hear of three mistakes."""
    with pytest.raises(UserError) as raised:
        load_settings({"MANYI_PORT": "x", "MANYI_ALERTS": "x", "REDIS_URL": "redis://store"})
    said = raised.value.message
    assert [line.split(":")[0].split()[0] for line in said.splitlines()] == [
        "MANYI_PORT",
        "MANYI_ALERTS",
        "KAFKA_BOOTSTRAP_SERVERS",
    ]


def test_who_only_talks_to_kafka_is_not_asked_for_a_redis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Publishing, topics and dead letters work where no Redis is set; a wrong one is still told."""
    monkeypatch.setenv("MANYI_RUNTIME_DIR", str(tmp_path))  # no demo runs there
    kafka = {"KAFKA_BOOTSTRAP_SERVERS": "a:9092"}
    assert load_settings(kafka, only_kafka=True).bootstrap_servers == "a:9092"
    assert load_settings(SERVERS, only_kafka=True) == load_settings(SERVERS)
    with pytest.raises(UserError, match="REDIS_URL is not set"):
        load_settings(kafka)
    with pytest.raises(UserError) as raised:
        load_settings({}, only_kafka=True)
    assert "REDIS_URL" not in raised.value.message
    with pytest.raises(UserError, match="starts with redis://"):
        load_settings(kafka | {"REDIS_URL": "http://store"}, only_kafka=True)


def test_what_kubernetes_adds_for_a_service_is_no_slip() -> None:
    """Variables of a service called `manyi` are left alone."""
    links = {"MANYI_SERVICE_HOST": "10.0.0.1", "MANYI_PORT_6066_TCP_PORT": "6066"}
    assert load_settings(SERVERS | links) == load_settings(SERVERS)


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    """A mounted file serves as well as a variable, without its last line break."""
    file = tmp_path / "url"
    file.write_text("rediss://:hidden@store/0\n")
    settings = load_settings({**SERVERS, "REDIS_URL": "", "REDIS_URL_FILE": str(file)})
    assert settings.redis_url == "rediss://:hidden@store/0"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "No such file"),
        (b"\xff", "not UTF-8"),
        (b"\n", "is empty"),
        (b"x" * 70_000, "larger"),
    ],
)
def test_a_secret_file_that_is_no_secret_is_told(
    content: bytes | None, expected: str, tmp_path: Path
) -> None:
    """A path that leads to no usable secret is a mistake, not an empty password."""
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    said = problems({"MANYI_WEBHOOK_URL": "http://hook", "MANYI_WEBHOOK_SECRET_FILE": str(file)})
    assert expected in said


def test_a_secret_in_both_places_is_refused(tmp_path: Path) -> None:
    """Of a variable and a file one would silently win, so neither does."""
    said = problems({"REDIS_URL_FILE": str(tmp_path / "url")})
    assert "REDIS_URL_FILE; keep one" in said


def test_secrets_are_never_shown() -> None:
    """Neither the repr nor what `doctor` prints holds a password."""
    hidden = {
        "REDIS_URL": "redis://user:hidden@store:6379/0?password=hidden",
        "KAFKA_SASL_PASSWORD": "hidden",
        "MANYI_WEBHOOK_URL": "https://hook/?token=hidden",
        "MANYI_WEBHOOK_SECRET": "hidden",
    }
    settings = load_settings(SERVERS | SASL | hidden)
    assert "hidden" not in repr(settings)
    assert "hidden" not in str(settings.shown())
    assert settings.shown()["REDIS_URL"] == "redis://***@store:6379/0"


def test_a_wrong_secret_is_not_repeated() -> None:
    """The message about a URL that cannot be read does not show the URL."""
    assert "hidden" not in problems({"REDIS_URL": "http://:hidden@store"})


def test_sasl_reaches_the_clients() -> None:
    """User, password and mechanism arrive under the names that aiokafka knows."""
    arguments = load_settings(SERVERS | SASL).kafka_security()
    assert isinstance(arguments.pop("ssl_context"), ssl.SSLContext)
    assert arguments == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "worker",
        "sasl_plain_password": "open sesame",
    }


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "KAFKA_SASL_PASSWORD is not set"),
        ({"KAFKA_SASL_USERNAME": "worker"}, "PLAINTEXT ignores it; choose SASL_SSL"),
        ({"KAFKA_SSL_CHECK_HOSTNAME": "off"}, "PLAINTEXT ignores it; choose SSL"),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_KEYFILE": "/dev/null"},
            "without KAFKA_SSL_CERTFILE",
        ),
        ({"MANYI_WEBHOOK_SECRET": "x"}, "without MANYI_WEBHOOK_URL"),
    ],
)
def test_settings_that_would_be_ignored_are_told(environ: dict[str, str], expected: str) -> None:
    """A password that is set and never used is a mistake, and a dangerous one."""
    assert expected in problems(environ)


def test_our_certificate_is_loaded(tmp_path: Path) -> None:
    """Certificate and key with its password are used; the host check follows the setting."""
    if not (openssl := shutil.which("openssl")):
        pytest.skip("needs the openssl command to make a certificate")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        f"{openssl} req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -passout pass:hidden "
        f"-subj /CN=worker -days 2 -keyout {key} -out {certificate}".split(),
        check=True,
        capture_output=True,
    )
    environ = SERVERS | {
        "KAFKA_SECURITY_PROTOCOL": "SSL",
        "KAFKA_SSL_CAFILE": str(certificate),
        "KAFKA_SSL_CERTFILE": str(certificate),
        "KAFKA_SSL_KEYFILE": str(key),
        "KAFKA_SSL_CHECK_HOSTNAME": "off",
    }
    context = load_settings(environ | {"KAFKA_SSL_KEY_PASSWORD": "hidden"}).kafka_security()[
        "ssl_context"
    ]
    assert context.check_hostname is False
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) == 1
    with pytest.raises(UserError, match="certificates for Kafka cannot be used"):
        load_settings(environ | {"KAFKA_SSL_KEY_PASSWORD": "wrong"}).kafka_security()


def test_a_running_demo_is_found_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """With no servers named, those of the demo on this machine are taken, with its port."""
    demo = RunningInstance(1, "127.0.0.1:1111", "redis://127.0.0.1:2222/0", 3333)
    monkeypatch.setattr(settings_module, "find_running", lambda: demo)
    settings = load_settings({})
    assert settings.bootstrap_servers == demo.bootstrap_servers
    assert settings.redis_url == demo.redis_url
    assert (settings.port, settings.partitions, settings.embedded) == (3333, 4, True)
    assert load_settings(SERVERS).bootstrap_servers == "a:9092,b:9092"


def test_embedded_servers_win_over_the_environment() -> None:
    """A demo runs on what it started, whatever another Kafka in the environment would need."""
    demo = RunningInstance(1, "127.0.0.1:1111", "redis://127.0.0.1:2222/0", 3333)
    settings = load_settings(SERVERS | SASL | {"MANYI_PARTITIONS": "2"}, servers=demo)
    assert settings.kafka_clients() == {
        "bootstrap_servers": "127.0.0.1:1111",
        "security_protocol": "PLAINTEXT",
    }
    assert settings.redis_url == demo.redis_url
    assert settings.partitions == 2


def test_the_page_and_the_masked_list_name_every_variable() -> None:
    """The documentation is complete because it is written from the definitions."""
    page = describe()
    assert all(f"`{name.removesuffix('_FILE')}`" in page for name in known_variables())
    assert set(load_settings(SERVERS).shown()) <= known_variables()


def test_defaults_pass_their_own_readers() -> None:
    """Reading what the page shows as default gives the default."""
    settings = load_settings(SERVERS)
    for name, value in settings.shown().items():
        if value not in ("-", "the broker's") and " " not in value and name not in SERVERS:
            tls = {"KAFKA_SECURITY_PROTOCOL": "SSL"} if name.startswith("KAFKA_SSL") else {}
            assert load_settings(SERVERS | tls | {name: value}) == load_settings(SERVERS | tls), (
                name
            )
    assert isinstance(settings, Settings)
