import{a,b}from"./chunk.G7F4CX4F.js";import"./chunk.BZS4YE5L.js";export{b as Confirm,a as Dialog};
