import{a,b,c,d,e}from"./chunk.ZDFNQPDT.js";import"./chunk.ESAWS7D4.js";export{d as again,a as choose,e as drop,b as restore,c as sent};
