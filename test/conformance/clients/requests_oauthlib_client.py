"""requests-oauthlib as a client: reads a case and its settings as JSON from standard input, writes what it got as JSON."""

import base64
import hashlib
import json
import secrets
import sys

from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from pages import agree


def basic(client):
    return HTTPBasicAuth(client["client_id"], client["client_secret"])


def client_credentials(settings):
    client = settings["client"]
    answers = {}
    for path in ("/oauth/token", "/access_token"):
        for method in ("basic", "body"):
            session = OAuth2Session(client=BackendApplicationClient(client_id=client["client_id"]))
            session.trust_env = False
            how = (
                {"auth": basic(client)}
                if method == "basic"
                else {"include_client_id": True, "client_secret": client["client_secret"]}
            )
            token = session.fetch_token(settings["issuer"] + path, **how)
            seen = session.get(f"{settings['issuer']}/whoami", timeout=10)
            answers[f"{path} {method}"] = {"token": token, "whoami": seen.json()}
    return answers


def authorization_code(settings):
    issuer = settings["issuer"]
    app = settings["client"]
    renewed = []
    session = OAuth2Session(
        app["client_id"],
        redirect_uri=settings["redirect_uri"],
        scope=["profile:read"],
        auto_refresh_url=f"{issuer}/oauth/token",
        auto_refresh_kwargs={"client_id": app["client_id"], "client_secret": app["client_secret"]},
        token_updater=renewed.append,
    )
    session.trust_env = False
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    address, _ = session.authorization_url(
        f"{issuer}/oauth/authorize", code_challenge=challenge, code_challenge_method="S256"
    )
    back = agree(address, settings["redirect_uri"], settings["username"], settings["password"])
    first = dict(
        session.fetch_token(
            f"{issuer}/oauth/token", authorization_response=back, code_verifier=verifier, auth=basic(app)
        )
    )
    # As if ten minutes had gone by: the session renews by itself before it asks.
    session.token = {**first, "expires_at": 1, "expires_in": -1}
    profile = session.post(f"{issuer}/getprofile", timeout=10)
    second = renewed[0]

    def post(path, token):
        return session.post(
            issuer + path, data={"token": token}, auth=basic(app), withhold_token=True, timeout=10
        )

    active = post("/oauth/introspect", second["access_token"])
    revoked = post("/oauth/revoke", second["refresh_token"])
    after = post("/oauth/introspect", second["access_token"])
    try:
        session.refresh_token(f"{issuer}/oauth/token", refresh_token=second["refresh_token"])
        renewal = "granted"
    except OAuth2Error as error:
        renewal = error.error
    return {
        "profile": profile.json(),
        "first": first,
        "second": second,
        "renewals": len(renewed),
        "introspection": active.json(),
        "revocation": revoked.status_code,
        "after_revocation": after.json(),
        "renewal_after_revocation": renewal,
    }


CASES = {case.__name__: case for case in (client_credentials, authorization_code)}

asked = json.load(sys.stdin)
json.dump(CASES[asked["case"]](asked), sys.stdout)
