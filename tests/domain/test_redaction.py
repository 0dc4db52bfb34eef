"""What of a command line is hidden, and what is not."""

from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelver.domain.redaction import redacted, without_credentials

TOKENS = st.text(string.ascii_letters + string.digits + "_-.~+/", min_size=6, max_size=40).map(lambda body: f"S{body}")
"""What stands in one word without quotes, and in a URL."""
WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(
    lambda word: word[0] != "-" and word.strip()
)
"""What an argument of a command may hold: anything."""
LETTERS = string.ascii_letters + string.digits

NAMES = [
    *("token", "hf-token", "auth_token", "authToken", "apiKey", "api-key", "apikey", "wandb-api-key", "OPENAI_API_KEY"),
    *(
        "password",
        "db.password",
        "passwd",
        "secret",
        "AWS_SECRET_ACCESS_KEY",
        "aws-access-key",
        "privateKey",
        "DB_PASS",
    ),
    *("credentials", "basic-auth", "AZURE_STORAGE_CONNECTION_STRING", "KAGGLE_KEY", "token2", "model.auth.token"),
]

WHOLE_WORDS = [
    *(template for name in NAMES for template in ([f"--{name}", "{}"], [f"--{name}={{}}"], [f"{name}={{}}"])),
    *(["-token", "{}"], ["-e", "HF_TOKEN={}"], ["-eHF_TOKEN={}"], ["--env=HF_TOKEN={}"], ["++trainer.api_key={}"]),
    *(["-H", "Authorization: {}"], ["-H", "X-Api-Key:{}"], ["-H", "Cookie: {}"], ["Authorization:", "{}"]),
]

WITHIN_WORDS = [
    *(["https://h/x?token={}&lr=1"], ["https://h/x?lr=1&sig={}"], ["https://h/x?X-Amz-Signature={}&a=b"]),
    *(["Bearer", "{}"], ["curl", "a Bearer {} b"]),
    *(["bash", "-c", "HF_TOKEN={} python train.py --password {} --lr 0.1"], ["python", "-c", "api_key = {} ; print()"]),
    *(["lr=0.1,token={},n=2"], ["--set", "a.b=1;api_key={}"]),
]

SHAPES = [
    *("ghp_", "gho_", "github_pat_", "glpat-", "hf_", "sk-", "sk-proj-", "sk-ant-api03-", "xoxb-", "xoxp-", "nvapi-"),
    *("sk_live_", "npm_"),
]


def filled(template: list[str], secret: str) -> list[str]:
    return [word.replace("{}", secret) for word in template]


@given(st.sampled_from(WHOLE_WORDS), WORDS)
def test_what_is_assigned_to_a_secret_name_is_hidden_to_the_end_of_its_word(template, secret):
    """Nothing but `***` stands where the value stood, whatever it holds; the words around it are as they were."""
    line = ["python", "train.py", *filled(template, secret), "--lr", "0.1"]
    shown = redacted(line)
    assert [word.replace(" ", "") for word in shown] == [
        word.replace(" ", "") for word in ["python", "train.py", *filled(template, "***"), "--lr", "0.1"]
    ]


@given(st.sampled_from(WITHIN_WORDS), TOKENS)
def test_secrets_within_a_word_are_hidden_and_nothing_else(template, secret):
    """URLs, headers, queries, scripts and lists of settings keep all that is not secret."""
    assert redacted(filled(template, secret)) == filled(template, "***")


@given(
    st.sampled_from(["https://{}@h/x.git@main", "s3://{}@h:80/x", "--url=git+ssh://{}@h", "a postgresql://{}@h/x b"]),
    TOKENS,
)
def test_user_and_password_of_a_url_are_hidden(template, secret):
    """Both, since either may be the token; host and path stay."""
    secret = secret.replace("/", "_")
    (shown,) = redacted([template.replace("{}@", f"user:{secret}@")])
    assert shown == template.replace("{}@", "***@")


@given(
    st.sampled_from(SHAPES),
    st.text(LETTERS, min_size=40, max_size=80),
    st.sampled_from(
        ["{}", "--model={}", "a {} b", "https://h/{}/x", '{{"x": "{}"}}', "https%3A%2F%2Fh%3Fa%3D{}", "-x{}"]
    ),
)
def test_tokens_are_known_by_their_shape_wherever_they_stand(prefix, body, around):
    """No name needs to tell that they are secret."""
    token = prefix + body
    (shown,) = redacted([around.replace("{}", token)])
    assert body not in shown
    assert "***" in shown


@pytest.mark.parametrize(
    "secret",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        "AIzaSyA1234567890abcdefghijklmnopqrstuv",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nMIIEow",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nMIIEow\n-----END OPENSSH PRIVATE KEY-----",
    ],
)
def test_keys_of_one_shape(secret):
    """Cloud keys, web tokens and private keys are hidden as a whole."""
    assert redacted([secret, f"--x={secret}", f"a {secret} b"]) == [
        "***",
        "--x=***",
        "a *** b" if secret[-1] != "w" else "a ***",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "--tokenizer bert --author x --max-tokens 5 --max-token 5 --authenticity 1 --token-length 7 --authors a,b",
        "--pad-token [PAD] --eos_token </s> --num-tokens=5 --price-per-token 0.1 --low-pass 3 --password-file /run/x",
        "--secretary ann --compass n --passes 3 --public-key k.pub --key id --keys a,b --no-tokenizer --bypass 1",
        "-p 8080 -pX -u train.py -c config.yaml --monkey=1 --turkey 2 --signature serving_default --cookiecutter x",
        "tokens=5 tokenizer=bert author=x lr=1e-3 tokenizer.name=x model/auth:main pkg.auth:create C:\\data\\x",
        "https://host:8080/a@b https://host/a?key=data.csv&author=me ssh://git@host/x git@github.com:org/repo.git",
        "abfss://container@account.dfs.core.windows.net/x s3://bucket/train.csv?versionId=abc pkg@git+https://h/x@main",
        "sk-learn-pipeline-v2-final glue-sst2-finetuned-model task-sk-abc global-step-checkpoint-directory",
        "9f2c1e7b4d5a6f8091a2b3c4d5e6f708192a3b4c --digest sha256:abc --mask-token-prob 0.1 hf_model eyJ.a.b",
    ],
)
def test_harmless_words_are_left_alone(line):
    """What only resembles a secret's name or shape stays as it was typed."""
    words = line.split()
    assert redacted(words) == words


def test_an_option_behind_a_secret_one_is_no_value():
    """`--use-auth --lr 0.1` asks for no secret; what looks like random letters behind a dash is one."""
    assert redacted(["--token", "--lr", "0.1"]) == ["--token", "--lr", "0.1"]
    assert redacted(["--token", "--api-key", "abc"]) == ["--token", "--api-key", "***"]
    assert redacted(["--token", "-Xy3kQ9", "x"]) == ["--token", "***", "x"]
    assert redacted(["Authorization:", "Bearer", "abc", "x"]) == ["Authorization:", "***", "***", "x"]


def test_json_and_quotes():
    """A value in quotes ends with its quote."""
    assert redacted(['{"api_key": "a, b", "lr": 1}']) == ['{"api_key": ***, "lr": 1}']
    assert redacted(["sh", "-c", "x --password 'a b' --lr 1"]) == ["sh", "-c", "x --password *** --lr 1"]
    assert redacted(["-H", "authorization: Bearer abc"]) == ["-H", "authorization: ***"]
    assert redacted(["sh", "-c", "curl -H 'Authorization: Basic abc' x"])[2].startswith("curl -H 'Authorization: ***")


PIECES = st.sampled_from(
    [
        *"=:&?,; '\"-@/\\{}.",
        "--",
        "://",
        "token",
        "Bearer ",
        "api_key",
        "Authorization",
        "***",
        "https",
        "abc",
        "1",
        "sk-",
    ]
)


@given(st.lists(st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=12), max_size=6))
@example(["--token", "***", "Bearer", "***"])
def test_redacting_again_changes_nothing(words):
    """A record that is made from a record is the same; there are as many words as before."""
    once = redacted(words)
    assert redacted(once) == once
    assert len(once) == len(words)
    for word in words:
        assert without_credentials(without_credentials(word)) == without_credentials(word)


@pytest.mark.parametrize("word", [",", "sk-", "://a:", "a=", "eyJ", "token=,", "token='", "-", "://", "\"'", "a" * 9])
def test_a_word_of_the_longest_length_takes_no_time_to_speak_of(word):
    """The work grows with the length of a command line, not with its square: this would take minutes."""
    assert redacted([word * (130_000 // len(word))])


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://user:hunter2@host/x", "https://host/x"),
        ("https://ghs_0123456789abcdefABCDEF@github.com/x", "https://github.com/x"),
        ("https://anything@host/x", "https://host/x"),
        ("git+ssh://git@github.com/org/x.git", "git+ssh://git@github.com/org/x.git"),
        ("ssh://git:hunter2@host/x", "ssh://host/x"),
        ("https://host/x?a=1&access_token=hunter2", "https://host/x?a=1&access_token=***"),
        ("s3://bucket/data.csv", "s3://bucket/data.csv"),
        ("file:///home/a@b/x", "file:///home/a@b/x"),
    ],
)
def test_urls_lose_their_credentials_and_nothing_else(url, clean):
    """Scheme, host and path are what they were, and the user of SSH, who is no secret."""
    assert without_credentials(url) == clean
