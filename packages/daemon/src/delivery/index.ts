export { startDelivery } from './delivery.ts'
