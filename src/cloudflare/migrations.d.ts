// Wrangler gives files that end so as texts.
declare module "*.sql" {
  const text: string;
  export default text;
}
