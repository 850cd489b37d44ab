export { acknowledge } from './acknowledge.ts'
export { type Enrolment, enrolPoint, leaseOf } from './enrol.ts'
