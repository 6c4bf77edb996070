// The build puts this module first, so that its import is evaluated before all others.
import './node-version.ts'
