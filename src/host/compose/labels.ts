/** Labels that every Compose program, podman-compose too, puts on the containers it makes. */
export const composeLabels = {
  project: "com.docker.compose.project",
  service: "com.docker.compose.service",
  /** The directory that the project was started from. */
  directory: "com.docker.compose.project.working_dir",
} as const;
