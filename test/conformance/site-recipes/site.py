"""A site made with Django around the recipe of the manual: RECIPE, URL (a line of urls.py), FOLDER, PORT come in."""

import os
import sys
from wsgiref.simple_server import make_server

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application

folder = os.environ["FOLDER"]
settings.configure(
    SECRET_KEY="only-for-this-test-0123456789abcdef",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{folder}/site.db"}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
)
django.setup()

from django.contrib.auth import get_user_model, login, logout  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402

exec(compile(os.environ["RECIPE"], "docs/site-session.md", "exec"))


def sign_in(request):
    login(request, get_user_model().objects.get(pk=request.GET["id"]))
    return HttpResponse(status=204)


def sign_out(request):
    logout(request)
    return HttpResponse(status=204)


urlpatterns = [eval(os.environ["URL"]), path("sign-in", sign_in), path("sign-out", sign_out)]
call_command("migrate", verbosity=0)
get_user_model().objects.create_user("mira", pk=4711)
with make_server("127.0.0.1", int(os.environ["PORT"]), get_wsgi_application()) as server:
    sys.stderr = open(os.devnull, "w")
    server.serve_forever()
