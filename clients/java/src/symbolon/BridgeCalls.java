package symbolon;

import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.stream.Collectors;

/** The two calls of the HTTP contract, as {@code docs/mobile.md} describes them. */
final class BridgeCalls {
  /** What a sign-in or renewal gave. */
  static final class Grant {
    final CustomerToken token;
    final String refreshToken;
    final long lifeSeconds;

    Grant(Map<String, Object> answer) {
      token = new CustomerToken(text(answer, "JWT"), text(answer, "customer_id"));
      refreshToken = text(answer, "refresh_token");
      lifeSeconds = Long.parseLong(text(answer, "expires_in"));
    }

    private static String text(Map<String, Object> answer, String name) {
      Object value = answer.get(name);
      if (value instanceof String && !((String) value).isEmpty()) return (String) value;
      throw new IllegalArgumentException("the answer has no " + name);
    }
  }

  private static final String USER_AGENT = "symbolon-java/1";

  private final URI base;
  private final HttpClient http;

  BridgeCalls(URI base) {
    this.base = URI.create(base.toString().replaceAll("/+$", ""));
    this.http =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .connectTimeout(Duration.ofSeconds(5))
            .build();
  }

  private HttpRequest.Builder request(String path, Duration timeout) {
    return HttpRequest.newBuilder(URI.create(base + path))
        .timeout(timeout)
        .header("Accept", "application/json")
        .header("User-Agent", USER_AGENT);
  }

  /** {@code POST /customer_authenticate}. */
  Grant authenticate(Map<String, String> fields, Duration timeout) throws SymbolonException {
    String form =
        fields.entrySet().stream()
            .map(field -> field.getKey() + "=" + URLEncoder.encode(field.getValue(), StandardCharsets.UTF_8))
            .collect(Collectors.joining("&"));
    HttpResponse<String> response =
        send(
            request("/customer_authenticate", timeout)
                .header("Content-Type", "application/x-www-form-urlencoded")
                .POST(BodyPublishers.ofString(form))
                .build());
    if (response.statusCode() != 200) throw failure(response);
    try {
      return new Grant(Json.object(response.body()));
    } catch (IllegalArgumentException error) {
      // A page of a proxy, for example: whether the service did anything, nobody knows.
      throw new SymbolonException(SymbolonException.Kind.UNAVAILABLE, "", 0, error);
    }
  }

  /** {@code DELETE /customer_session}: the token goes into the header, never into the address or a body. */
  void signOut(String refreshToken, boolean everywhere, Duration timeout) throws SymbolonException {
    HttpResponse<String> response =
        send(
            request("/customer_session" + (everywhere ? "?everywhere=true" : ""), timeout)
                .header("Authorization", "Bearer " + refreshToken)
                .DELETE()
                .build());
    if (response.statusCode() != 204) throw failure(response);
  }

  private HttpResponse<String> send(HttpRequest request) throws SymbolonException {
    try {
      return http.send(request, BodyHandlers.ofString());
    } catch (IOException error) {
      throw new SymbolonException(SymbolonException.Kind.UNAVAILABLE, "", 0, error);
    } catch (InterruptedException error) {
      Thread.currentThread().interrupt();
      throw new SymbolonException(SymbolonException.Kind.UNAVAILABLE, "", 0, error);
    }
  }

  private static SymbolonException failure(HttpResponse<String> response) {
    String code = "";
    try {
      Object given = Json.members(Json.object(response.body()).get("error")).get("code");
      if (given instanceof String) code = (String) given;
    } catch (IllegalArgumentException notOurs) {
      // The status says enough.
    }
    int retryAfter = response.headers().firstValue("Retry-After").map(BridgeCalls::seconds).orElse(0);
    return new SymbolonException(kindOf(response.statusCode(), code), code, retryAfter, null);
  }

  private static SymbolonException.Kind kindOf(int status, String code) {
    // A 401 that is not the service's own, such as a captive portal's, signs nobody out.
    if (code.equals("INVALID_REFRESH_TOKEN")) return SymbolonException.Kind.SIGNED_OUT;
    if (code.equals("INVALID_CREDENTIALS")) return SymbolonException.Kind.INVALID_CREDENTIALS;
    if (status == 429) return SymbolonException.Kind.RATE_LIMITED;
    return status >= 500 || code.isEmpty() ? SymbolonException.Kind.UNAVAILABLE : SymbolonException.Kind.REFUSED;
  }

  /** The other form of {@code Retry-After} is a date, which the service never sends. */
  private static int seconds(String text) {
    return text.matches("[0-9]{1,6}") ? Integer.parseInt(text) : 0;
  }
}
