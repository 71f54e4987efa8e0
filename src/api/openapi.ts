/** The OpenAPI 3.1 document, generated from the route table: what it says is what the API does. */
import { z } from 'zod';
import { problemSchema } from './answers.ts';
import type { AnswerSpec, Route } from './route.ts';

export function buildOpenApi(routes: readonly Route[], version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = openApiPath(route.path);
    paths[path] = { ...paths[path], [route.method]: operationOf(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Taproot API',
      version,
      description:
        'Telemetry queries, investigations and root-cause reports. Errors are application/problem+json (RFC 9457) with a code of the error catalogue.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: { schemas: { Problem: schemaOf(problemSchema, 'output') } },
  };
}

/** Express's `:id` is OpenAPI's `{id}`. */
export function openApiPath(path: string): string {
  return path.replace(/:(\w+)/g, '{$1}');
}

function operationOf(route: Route): object {
  return {
    summary: route.summary,
    operationId: `${route.method}${route.path.replace(/\W+(\w)?/g, (_, letter: string | undefined) => letter?.toUpperCase() ?? '')}`,
    parameters: [...parametersOf(route.params, 'path'), ...parametersOf(route.query, 'query')],
    ...(route.body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: schemaOf(route.body, 'input') } },
          },
        }),
    responses: {
      ...Object.fromEntries(
        Object.entries(route.answers).map(([status, answer]) => [status, responseOf(answer)]),
      ),
      default: {
        description: 'Refused or failed',
        content: {
          'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
        },
      },
    },
  };
}

function responseOf(answer: AnswerSpec): object {
  return {
    description: answer.description,
    content: Object.fromEntries(
      Object.entries(answer.content).map(([type, schema]) => [
        type,
        { schema: schema === undefined ? { type: 'string' } : schemaOf(schema, 'output') },
      ]),
    ),
  };
}

function parametersOf(schema: z.ZodObject, place: 'path' | 'query'): object[] {
  return Object.entries(schema.shape).map(([name, member]) => {
    const isRequired = place === 'path' || !member.safeParse(undefined).success;
    return { name, in: place, required: isRequired, schema: schemaOf(member, 'input') };
  });
}

function schemaOf(schema: z.core.$ZodType, io: 'input' | 'output'): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}
