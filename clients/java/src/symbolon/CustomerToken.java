package symbolon;

/** A customer token, and whom it proves. Keep it in memory, and out of logs and addresses. */
public final class CustomerToken {
  private final String jwt;
  private final String customerId;

  CustomerToken(String jwt, String customerId) {
    this.jwt = jwt;
    this.customerId = customerId;
  }

  public String jwt() {
    return jwt;
  }

  /** The opaque identifier, the same at every sign-in. */
  public String customerId() {
    return customerId;
  }

  @Override
  public String toString() {
    return "CustomerToken of " + customerId;
  }
}
