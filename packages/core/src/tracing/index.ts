/**
 * Traces what a router does, with OpenTelemetry.
 *
 * @module core/tracing
 */

export { type OpenTelemetryOptions, openTelemetryTracing } from './open-telemetry.ts'
