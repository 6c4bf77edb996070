/**
 * Traces requests and attempts with OpenTelemetry.
 *
 * @module core/tracing
 */

export { type OpenTelemetryOptions, openTelemetryTracing } from './open-telemetry.ts'
