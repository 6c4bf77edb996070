export { type OpenTelemetryOptions, openTelemetryTracing } from './open-telemetry.ts'
