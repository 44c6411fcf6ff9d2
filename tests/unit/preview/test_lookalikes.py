"""What looks like a secret is found and masked; what only looks random is left alone."""

from __future__ import annotations

import base64
import random
import string
import uuid

import pytest

from declarative_paas.preview.lookalikes import lookalikes, masked

SECRETS = [
    ("GITHUB", "ghp_" + "aB3d" * 9, "a GitHub token"),
    ("GITHUB", "github_pat_" + "11ABCDEFG0" * 4, "a GitHub token"),
    ("CI", "glpat-" + "aB3dE6gH9jK2mN5pQ8sT", "a GitLab token"),
    ("PAY", "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc", "a Stripe key"),
    ("PAY", "rk_test_" + "4eC39HqLyjWDarjtT1zdp7dc", "a Stripe key"),
    ("AWS", "AKIA" + "IOSFODNN7EXAMPLE", "an AWS access key id"),
    ("CHAT", "xoxb-" + "1234567890-abcdefghij", "a Slack token"),
    ("HOOK", "https://hooks.slack.com/services/T" + "000/B000/XXXX", "a Slack webhook"),
    ("MAPS", "AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q", "a Google API key"),
    ("MAIL", "SG." + "aB3dE6gH9jK2mN5pQ8sTuV." + "aB3dE6gH9jK2mN5pQ8sTuVwXyZ01234567890abcdef", "a SendGrid key"),
    ("NPM", "npm_" + "aB3d" * 9, "an npm token"),
    ("LLM", "sk-proj-" + "aB3dE6gH9jK2mN5pQ8sTuVwX", "an sk- API key"),
    ("HF", "hf_" + "aBcdEfghIjklMnopQrstUvwxYzabCdefGh", "a Hugging Face token"),
    ("VAULT", "hvs." + "CAESIJ1aB3dE6gH9jK2mN5pQ8sT", "a Vault token"),
    ("JWT", "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0." + "dBjftJeZ4CVPmB92K27uhb", "a JSON web token"),
    ("PEM", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "a private key"),
    ("PEM", "-----BEGIN PRIVATE KEY-----\nMIIE", "a private key"),
    ("DB", "postgres://shop:hunter2@db.example.com/shop", "a password in a URL"),
    ("CMD", "curl -H 'Authorization: Bearer abcdefghijklmn12'", "an Authorization header"),
    ("CMD", "mysqldump --password=hunter22 shop", "a password on a command line"),
    ("APP_SECRET", "8b1a9953c4611296a827abf8c47804d7", "a value of something called APP_SECRET"),
    ("DB_PASSWORD", "hunter22!", "a value of something called DB_PASSWORD"),
    ("SEED", "kD93mZq0Vt7Lx2Rb8Yw5Np1Hs6Gf4JcA", "a random key"),
    ("SEED", "Zm9vYmFyMTIzNDU2Nzg5MGFiY2RlZjEyMzQ=", "a random key"),
]

INNOCENT = [
    ("LOG_LEVEL", "info"),
    ("COLOUR", "deadbeef"),
    ("GIT_SHA", "8b1a9953c4611296a827abf8c47804d7a1b2c3d4"),
    ("MD5", "8b1a9953c4611296a827abf8c47804d7"),
    ("SHA256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("IMAGE", "registry.example.com/shop/web@sha256:" + "e3b0c442" * 8),
    ("INTEGRITY", "sha384-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/uxy9rx7HNQlGYl1kPzQho1wx4JwY8wC"),
    ("ID", "123e4567-e89b-12d3-a456-426614174000"),
    ("REGION_NAME", "production-us-east-1-2024-primary"),
    ("CLASS", "AbstractSingletonProxyFactoryBean2"),
    ("FONT", "DejaVuSansMono12PointRegularFont"),
    ("TZ", "America/Argentina/ComodRivadavia"),
    ("URL", "https://cdn.example.com/assets/Ab12Cd34Ef56Gh78Ij90/app.js"),
    ("DSN", "https://0123456789abcdef0123456789abcdef@sentry.example.com/1"),
    ("PROXY", "http://$USER:$PASSWORD@proxy.example.com"),
    ("PROXY", "http://user:***@proxy.example.com"),
    ("PATH_TO_KEY", "/etc/ssl/private/A1b2C3d4E5f6G7h8I9j0K1.pem"),
    ("ROLE", "arn:aws:iam::123456789012:role/S3Access2ForAppsA1B2C3"),
    ("PUBLISHABLE_KEY", "pk_live_51H8aBcDeFgHiJkLmNoPqRsT"),
    ("SSH_PUBLIC", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1aB3dE6gH9jK2mN5pQ8sT"),
    ("CERT", "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----"),
    ("PUBLIC", "-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----"),
    ("ADMIN", "someone@example.com"),
    ("ACCOUNT", "1234567890123456789012"),
    ("TOKEN_URL", "https://auth.example.com/token"),
    ("PASSWORD_MIN_LENGTH", "12"),
    ("API_KEY", "disabled"),
    ("SESSION_KEY", "cart"),
    ("AUTH_TOKEN", "${var.token}"),
    ("SECRET", "<fill me in>"),
    ("MESSAGE", "The quick brown fox jumps over 13 lazy dogs"),
    ("VERSION", "v2024.01.15-build1234-gAb12Cd3"),
    ("DATE", "2024-01-01T00:00:00Z"),
    ("NOTE", "uses basic authentication"),
    ("EMPTY", ""),
]


@pytest.mark.parametrize(("name", "value", "kind"), SECRETS)
def test_a_secret_is_found_named_and_masked(name, value, kind):
    found = lookalikes(value, name)
    assert [one.kind for one in found] == [kind]
    assert f"[masked: {kind}]" in masked(value, found)
    assert value[found[0].start : found[0].end] not in masked(value, found)


@pytest.mark.parametrize(("name", "value"), INNOCENT)
def test_what_is_no_secret_is_left_as_it_is(name, value):
    assert lookalikes(value, name) == ()


def test_of_a_url_and_a_command_only_the_secret_is_masked():
    url = "postgres://shop:hunter2@db.example.com/shop"
    assert masked(url, lookalikes(url)) == "postgres://shop:[masked: a password in a URL]@db.example.com/shop"
    command = "login --token=abcdef123456 && serve"
    assert masked(command, lookalikes(command)) == "login --token=[masked: a password on a command line] && serve"


def test_several_secrets_of_one_text_are_all_masked():
    text = f"A={'ghp_' + 'aB3d' * 9} B={'AKIA' + 'IOSFODNN7EXAMPLE'}"
    assert masked(text, lookalikes(text)) == "A=[masked: a GitHub token] B=[masked: an AWS access key id]"


def test_a_random_text_counts_only_as_the_whole_value_of_a_config_var():
    assert lookalikes("kD93mZq0Vt7Lx2Rb8Yw5Np1Hs6Gf4JcA") == ()
    assert lookalikes("see kD93mZq0Vt7Lx2Rb8Yw5Np1Hs6Gf4JcA", "NOTE") == ()


def test_most_random_keys_are_found_and_no_digest_or_uuid_is():
    dice = random.Random(7)
    letters = string.ascii_letters + string.digits
    keys = ["".join(dice.choice(letters) for _ in range(32)) for _ in range(500)]
    keys += [base64.b64encode(dice.randbytes(32)).decode() for _ in range(500)]
    assert sum(bool(lookalikes(key, "SEED")) for key in keys) > 900
    plain = [dice.randbytes(20).hex() for _ in range(500)] + [
        str(uuid.UUID(bytes=dice.randbytes(16))) for _ in range(500)
    ]
    assert [value for value in plain if lookalikes(value, "SEED")] == []
