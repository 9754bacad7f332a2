// A Worker of somebody else's, which is bound to the orchestrator: calls what a request names, and answers with what came.

export default {
  async fetch(request, env) {
    const { binding, method, args } = await request.json();
    try {
      const answer = await env[binding][method](...args);
      return answer instanceof ReadableStream ? new Response(answer) : Response.json(answer);
    } catch (error) {
      const { message, code, next, status, place, candidates } = error;
      return Response.json({ message, code, next, status, place, candidates }, { status: 500 });
    }
  },
};
