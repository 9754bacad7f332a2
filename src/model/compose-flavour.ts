/**
 * The Compose programs that read files differently: Compose v2 and later (`docker compose`), the Python original
 * (`docker-compose` 1.29), and `podman-compose`.
 */
export const composeFlavours = ["compose-v2", "compose-v1", "podman-compose"] as const;

export type ComposeFlavour = (typeof composeFlavours)[number];
