package symbolon;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Reads JSON (RFC 8259): objects as maps, arrays as lists, numbers as doubles. Throws IllegalArgumentException. */
final class Json {
  private static final int MAX_DEPTH = 20;

  private final String text;
  private int at;
  private int depth;

  private Json(String text) {
    this.text = text;
  }

  /** The object that {@code text} is. */
  static Map<String, Object> object(String text) {
    Json json = new Json(text);
    Object value = json.value();
    json.blanks();
    if (json.at < text.length() || !(value instanceof Map)) throw json.bad();
    return members(value);
  }

  /** {@code value} as an object; an empty one if it is anything else. */
  @SuppressWarnings("unchecked")
  static Map<String, Object> members(Object value) {
    return value instanceof Map ? (Map<String, Object>) value : Map.of();
  }

  private IllegalArgumentException bad() {
    return new IllegalArgumentException("not JSON at " + at);
  }

  private void blanks() {
    while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) at++;
  }

  private char next() {
    if (at >= text.length()) throw bad();
    return text.charAt(at++);
  }

  /** Whether the next sign is this one, which is then read. */
  private boolean skip(char sign) {
    blanks();
    if (at >= text.length() || text.charAt(at) != sign) return false;
    at++;
    return true;
  }

  private void want(char sign) {
    if (!skip(sign)) throw bad();
  }

  private Object value() {
    if (++depth > MAX_DEPTH) throw bad();
    try {
      if (skip('{')) return readObject();
      if (skip('[')) return readArray();
      if (skip('"')) return readText();
      return readWord();
    } finally {
      depth--;
    }
  }

  private Map<String, Object> readObject() {
    Map<String, Object> members = new HashMap<>();
    if (skip('}')) return members;
    do {
      want('"');
      String name = readText();
      want(':');
      members.put(name, value());
    } while (skip(','));
    want('}');
    return members;
  }

  private List<Object> readArray() {
    List<Object> items = new ArrayList<>();
    if (skip(']')) return items;
    do items.add(value());
    while (skip(','));
    want(']');
    return items;
  }

  private String readText() {
    StringBuilder read = new StringBuilder();
    for (char sign = next(); sign != '"'; sign = next()) {
      if (sign < ' ') throw bad();
      read.append(sign == '\\' ? readEscape() : sign);
    }
    return read.toString();
  }

  private char readEscape() {
    char sign = next();
    if (sign == 'u') {
      if (at + 4 > text.length()) throw bad();
      at += 4;
      return (char) Integer.parseInt(text.substring(at - 4, at), 16);
    }
    int known = "\"\\/bfnrt".indexOf(sign);
    if (known < 0) throw bad();
    return "\"\\/\b\f\n\r\t".charAt(known);
  }

  private Object readWord() {
    int from = at;
    while (at < text.length() && ",]} \t\r\n".indexOf(text.charAt(at)) < 0) at++;
    String word = text.substring(from, at);
    switch (word) {
      case "true":
        return true;
      case "false":
        return false;
      case "null":
        return null;
      default:
        return Double.valueOf(word);
    }
  }
}
