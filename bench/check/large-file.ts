/** A Compose file of about `bytes`: ordinary services, one after another. */
export function largeFile(bytes: number): string {
  const parts = ["x-logging: &logging\n  driver: json-file\n  options: { max-size: 10m, max-file: '3' }\nservices:\n"];
  for (let size = 0, index = 0; size < bytes; index += 1) {
    const part = `  service-${index}:
    # A comment, as people write them.
    image: registry.example.test/team/service-${index}:1.${index}.0
    user: "1001:1001"
    restart: unless-stopped
    logging: *logging
    environment:
      SERVICE_NAME: service-${index}
      DATABASE_URL: postgres://\${DATABASE_USER:-app}@database:5432/service-${index}
    ports:
      - "127.0.0.1:\${PORT_${index}:-${10_000 + (index % 50_000)}}:8080"
    volumes:
      - ./data/${index}:/app/data
      - ./conf/${index}:/app/conf:ro
    healthcheck:
      test: ["CMD", "curl", "-fsS", "http://127.0.0.1:8080/health"]
      interval: 30s
`;
    parts.push(part);
    size += part.length;
  }
  return parts.join("");
}
